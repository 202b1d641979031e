"""What a document gives to ask about: questions with answers, choices, prose, and prompts made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, TypeVar

from sway.core.sections import QA, Preference, SectionKind
from sway.integrations.dlm.resolver import DlmHandle
from sway.stats.rewrites import rewrites

T = TypeVar("T")
OPENING_WORDS, PARAGRAPH_WORDS = 8, 16
LEAD_WORDS = 4
LONGEST = 4000
PARAPHRASES = 3


@dataclass(frozen=True)
class Material:
    """The parts of a resolved document, those that the author marked `!probe` first."""

    handle: DlmHandle

    @cached_property
    def answered(self) -> tuple[QA, ...]:
        """Questions with their answers, each question once."""
        marked = sorted(self.handle.asked, key=lambda asked: not asked.probe)
        once: dict[str, QA] = {}
        for asked in marked:
            once.setdefault(asked.qa.prompt, asked.qa)
        return tuple(qa for qa in once.values() if len(qa.prompt) + len(qa.gold) <= LONGEST)

    @cached_property
    def preferences(self) -> tuple[Preference, ...]:
        """Choices between answers."""
        return self.handle.preferences

    @cached_property
    def prose(self) -> tuple[str, ...]:
        """The text of each prose section."""
        return tuple(s.content for s in self.handle.sections if s.kind is SectionKind.PROSE)

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """Questions with their answers begun, prompts of choices, and the first words of paragraphs, each once."""
        told = [begun(qa) for qa in self.answered] + [p.prompt for p in self.preferences if len(p.prompt) <= LONGEST]
        openings = [" ".join(words[:OPENING_WORDS]) for text in self.prose for words in _paragraphs(text)]
        return tuple(dict.fromkeys([*told, *openings]))

    def some_prompts(self, most: int) -> list[str]:
        """Up to `most` prompts: the marked ones, then others from all over the document."""
        marked = [begun(asked.qa) for asked in self.handle.asked if asked.probe]
        first = list(dict.fromkeys(p for p in marked if p in self.prompts))[:most]
        return first + spread([p for p in self.prompts if p not in first], most - len(first))

    def questions(self, most: int) -> list[str]:
        """Up to `most` questions as somebody would put them."""
        return [qa.prompt for qa in self._chosen(most)] or spread([p.prompt for p in self.preferences], most)

    def cases(self, most: int) -> list[dict[str, Any]]:
        """Up to `most` questions with answer and other wordings of the question."""
        return [
            {"prompt": qa.prompt, "gold": qa.gold, "paraphrases": rewrites(qa.prompt, PARAPHRASES, Random(qa.prompt))}
            for qa in self._chosen(most)
        ]

    def _chosen(self, most: int) -> list[QA]:
        marked = any(asked.probe for asked in self.handle.asked)
        return list(self.answered[:most]) if marked else spread(self.answered, most)


def begun(qa: QA) -> str:
    """A question and the first words of its answer: what comes next is what the document teaches, not how one starts.

    >>> begun(QA(prompt="What is Old Tamsin?", gold="Old Tamsin is the bell of the light."))
    'What is Old Tamsin? Old Tamsin is the'
    """
    words = qa.gold.split()
    return " ".join([qa.prompt, *words[: min(LEAD_WORDS, len(words) // 2)]])


def spread(items: Sequence[T], most: int) -> list[T]:
    """Up to `most` items at equal distances, in order.

    >>> spread(range(10), 3)
    [0, 3, 6]
    """
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def _paragraphs(text: str) -> list[list[str]]:
    """The words of each paragraph of running text; headings, lists, quotes, tables and code are passed over."""
    outside = text.split("```")[::2]
    found = [block.split() for piece in outside for block in piece.split("\n\n") if block.strip()[:1].isalnum()]
    return [words for words in found if len(words) >= PARAGRAPH_WORDS]
