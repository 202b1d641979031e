"""The texts that probes ship with. Each file says where its text comes from."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from sway.core.sections import Section


class Fact(BaseModel):
    """The opening of a sentence of general knowledge, and the words that complete it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    gold: str = Field(min_length=1)


class Passage(BaseModel):
    """A passage of a published work in the public domain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    author: str = Field(min_length=1)
    title: str = Field(min_length=1)
    year: int = Field(ge=1500, le=1900)
    text: str = Field(min_length=200)


@cache
def passages(corpus: str) -> tuple[Passage, ...]:
    """The passages of a text pack. Raises FileNotFoundError where there is no such pack."""
    return TypeAdapter(tuple[Passage, ...]).validate_python(_load(corpus))


@cache
def general_knowledge() -> tuple[Fact, ...]:
    """Facts of general knowledge, in turn one of every topic, so that the first few are a fair sample."""
    topics = TypeAdapter(dict[str, dict[str, str]]).validate_python(_load("general_knowledge"))
    facts = [[Fact(topic=t, prompt=p, gold=g) for p, g in items.items()] for t, items in topics.items()]
    return tuple(fact for turn in zip(*facts, strict=True) for fact in turn)


@cache
def control_sections() -> tuple[Section, ...]:
    """Neutral sections of every kind that no adapter was trained on."""
    return TypeAdapter(tuple[Section, ...]).validate_python(_load("controls"))


@cache
def check_prompts() -> tuple[str, ...]:
    """General prompts, for adapters of which nothing else is known."""
    return TypeAdapter(tuple[str, ...]).validate_python(_load("check_prompts"))


@cache
def follow_ups() -> tuple[str, ...]:
    """What a user may say next in any conversation, a turn each."""
    return TypeAdapter(tuple[str, ...]).validate_python(_load("follow_ups"))


def _load(name: str) -> Any:
    return yaml.safe_load(files(__package__).joinpath(f"{name}.yml").read_text(encoding="utf-8"))
