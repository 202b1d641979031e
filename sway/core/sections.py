"""Sections: pieces of the text an adapter was trained on, or of matched text that it was not."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SectionKind(StrEnum):
    """What a section trains: running text, question and answer, or a preference between answers."""

    PROSE = "prose"
    INSTRUCTION = "instruction"
    PREFERENCE = "preference"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QA(_Record):
    """A prompt and the answer that the text teaches."""

    prompt: str = Field(min_length=1)
    gold: str = Field(min_length=1)


class Preference(_Record):
    """A prompt, the answer that the text prefers, and the one it rejects."""

    prompt: str = Field(min_length=1)
    chosen: str = Field(min_length=1)
    rejected: str = Field(min_length=1)


class Section(_Record):
    """One section. `id` defaults to the first 16 hex digits of the SHA-256 of kind and content."""

    kind: SectionKind
    content: str = ""
    id: str = ""
    tag: str | None = None
    probes: tuple[QA, ...] = ()
    preferences: tuple[Preference, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        has = {
            SectionKind.PROSE: bool(self.content.strip()),
            SectionKind.INSTRUCTION: bool(self.probes),
            SectionKind.PREFERENCE: bool(self.preferences),
        }[self.kind]
        if not has:
            need = {"prose": "content", "instruction": "probes", "preference": "preferences"}[self.kind]
            raise ValueError(f"a section of kind {self.kind} needs {need}")
        if not self.id:
            object.__setattr__(self, "id", hashlib.sha256(self.text.encode()).hexdigest()[:16])
        return self

    @property
    def text(self) -> str:
        """All that it says, in one string: equal for sections that differ in name alone."""
        parts = (p.model_dump_json() for p in (*self.probes, *self.preferences))
        return "\0".join([self.kind, self.content, *parts])
