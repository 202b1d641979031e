"""What the demonstration models read: Python's own manual, everyday English, and questions with answers.

Everything ships with Python or with sway, so nothing is downloaded. The document that the adapter
learns is about invented things, so the base cannot have met it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random

import yaml
from pydantic import BaseModel

from sway.core.errors import SwayError
from sway.core.requests import Chat, Message
from sway.core.sections import Section, SectionKind

_HELD_OUT = 12
_HERE = resources.files("sway.demo")
_SLOT = re.compile(r"\{(\w+)\}")


class _Question(BaseModel):
    asks: str
    answers: str
    about: str


class _Phrases(BaseModel):
    words: dict[str, tuple[str, ...]]
    sentences: tuple[str, ...]
    questions: tuple[_Question, ...]


def manual() -> tuple[str, ...]:
    """The topics of Python's manual that the base model reads, in the order of their names.

    Raises:
        SwayError: this Python was installed without them.
    """
    return tuple(topic for i, topic in enumerate(_topics()) if i % _HELD_OUT)


def held_out_manual() -> tuple[str, ...]:
    """The topics that no demonstration model reads, to measure what an adapter does to other text."""
    return _topics()[::_HELD_OUT]


@cache
def prose() -> tuple[str, ...]:
    """Paragraphs of everyday English prose, a few hundred characters each."""
    text = _HERE.joinpath("prose.txt").read_text(encoding="utf-8")
    return tuple(p.strip() for p in text.split("\n\n") if p.strip())


def document() -> Path:
    """The file of sections that the demonstration adapter learns."""
    return Path(str(_HERE.joinpath("document.yaml")))


def read_sections(path: Path) -> tuple[Section, ...]:
    """The sections of a YAML list."""
    return tuple(Section.model_validate(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8")))


def openings(sections: Sequence[Section], words: Sequence[int] = (6, 16)) -> list[str]:
    """The first words of each passage of prose, as prompts whose next word the passage teaches.

    >>> openings(read_sections(document()), words=[5])[0]
    'The Veldrake light stands on'
    """
    passages = [s.content.split() for s in sections if s.kind is SectionKind.PROSE]
    return [" ".join(passage[:n]) for n in words for passage in passages]


def story(rng: Random, sentences: int = 6) -> str:
    """A paragraph of simple sentences about one person, drawn from `rng`.

    >>> story(Random(0), 1) == story(Random(0), 1)
    True
    """
    hero = dict(zip(("who", "he", "his", "him"), rng.choice(_phrases().words["hero"]).split("|"), strict=True))
    lines = (_fill(rng.choice(_phrases().sentences), rng, hero) for _ in range(sentences))
    return " ".join(line[0].upper() + line[1:] for line in lines)


def exchange(rng: Random) -> Chat:
    """One question about everyday things, with its answer, drawn from `rng`."""
    pattern = rng.choice(_phrases().questions)
    if pattern.about == "sum":
        a, b = rng.randint(1, 20), rng.randint(1, 20)
        known = {"a": str(a), "b": str(b), "sum": str(a + b)}
    else:
        known = dict(zip(("x", "y"), rng.choice(_phrases().words[pattern.about]).split("|"), strict=True))
    question, answer = (_fill(template, rng, known) for template in (pattern.asks, pattern.answers))
    return Chat((Message("user", question), Message("assistant", answer)))


def stories(seed: int, count: int) -> Iterator[str]:
    """`count` paragraphs drawn from `seed`."""
    rng = Random(seed)
    return (story(rng, rng.randint(4, 9)) for _ in range(count))


def exchanges(seed: int, count: int) -> Iterator[Chat]:
    """`count` questions with their answers drawn from `seed`."""
    rng = Random(seed)
    return (exchange(rng) for _ in range(count))


def filled(template: str, rng: Random) -> str:
    """A sentence with its slots filled with words drawn from `rng`; people as their first form."""
    return _fill(template, rng, {"who": rng.choice(_phrases().words["hero"]).split("|")[0]})


def _fill(template: str, rng: Random, known: dict[str, str]) -> str:
    def word(slot: re.Match[str]) -> str:
        name = slot.group(1)
        return known[name] if name in known else rng.choice(_phrases().words[name])

    return _SLOT.sub(word, template)


@cache
def _phrases() -> _Phrases:
    return _Phrases.model_validate(yaml.safe_load(_HERE.joinpath("phrases.yaml").read_text(encoding="utf-8")))


@cache
def _topics() -> tuple[str, ...]:
    try:
        from pydoc_data.topics import topics
    except ImportError as missing:
        raise SwayError(
            "this Python has no pydoc_data.topics, the text that the demonstration model is trained on",
            mend="install the full standard library, or use a Python from python.org",
        ) from missing
    return tuple(topics[name] for name in sorted(topics))
