"""A text before and after training, with what changed in it marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from sway.engine.words import number

PAIRS = (
    ("base", "tuned"),
    ("base_text", "tuned_text"),
    ("base_answer", "tuned_answer"),
    ("base_completion", "tuned_completion"),
    ("base_output", "tuned_output"),
    ("base", "ft"),
    ("base_text", "ft_text"),
    ("before", "after"),
    ("reference", "recited"),
    ("reply_of_the_base", "reply"),
    ("lost", "gained"),
)
"""Names under which evidence holds a text of the base and one of the tuned model."""
PROMPTS = ("prompt", "question", "opening", "preview", "preceding")
GOLD = ("gold", "reference", "expected")
LARGEST = 1e12
MOST_WORDS, MOST_CHARACTERS, MOST_MATCHES = 300, 1200, 4000

Piece = tuple[str, bool]
"""A run of text, and whether the other side lacks it."""


@dataclass(frozen=True)
class Change:
    """What the base said to a prompt, and what the tuned model says.

    `tokens`: the sides are lists of next tokens. `measured` are the numbers beside it,
    `shift` the first of them. `taken` names what it says.
    """

    prompt: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    gold: str = ""
    tokens: bool = False
    measured: str = ""
    shift: float = 0.0
    taken: frozenset[str] = frozenset()


def change_in(row: Mapping[str, Any]) -> Change | None:
    """The change that a row of evidence holds, if it holds one."""
    for names in PAIRS:
        before, after = (row.get(name) for name in names)
        if names == ("lost", "gained") and _tokens(before) and _tokens(after):
            return _change(row, names, (_chips(before), _chips(after)), tokens=True)
        said, says = _said(before), _said(after)
        if said is not None and says is not None:
            return _change(row, names, compare(said, says))
    return None


def _said(value: Any) -> str | None:
    """A text, the reply in a record of one, or the lines of a conversation; None for anything else."""
    if isinstance(value, Mapping):
        value = value.get("reply")
    if isinstance(value, list) and value and all(isinstance(v, Mapping) and "content" in v for v in value):
        return "\n".join(f"{v.get('role', '')}: {v['content']}" for v in value)
    return value if isinstance(value, str) else None


def _change(
    row: Mapping[str, Any], names: Sequence[str], sides: Sequence[tuple[Piece, ...]], *, tokens: bool = False
) -> Change:
    prompt, gold = ((n for n in known if isinstance(row.get(n), str) and n not in names) for known in (PROMPTS, GOLD))
    asked, wanted = next(prompt, ""), next(gold, "")
    numbers = {k: v for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return Change(
        prompt=str(row.get(asked, "")),
        before=sides[0],
        after=sides[1],
        gold=str(row.get(wanted, ""))[:MOST_CHARACTERS],
        tokens=tokens,
        measured=", ".join(f"{str(k)[:40].replace('_', ' ')} {number(v)}" for k, v in list(numbers.items())[:4]),
        shift=next((float(v) for v in numbers.values() if abs(v) < LARGEST), 0.0),
        taken=frozenset({*names, asked, wanted, *numbers}),
    )


def _tokens(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _chips(tokens: Sequence[str] | None) -> tuple[Piece, ...]:
    return tuple((token[:40], True) for token in (tokens or [])[:8])


def compare(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces, by words; texts too long to compare are cut.

    >>> compare("the cat sat", "the dog sat")[1]
    (('the ', False), ('dog', True), (' sat', False))
    """
    left, right = _split(before), _split(after)
    blocks = _blocks(left, right)
    return (
        tuple(("".join(left[a:b]), tag != "equal") for tag, a, b, _, _ in blocks if b > a),
        tuple(("".join(right[a:b]), tag != "equal") for tag, _, _, a, b in blocks if b > a),
    )


def _blocks(left: list[str], right: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """What is equal and what is not. Texts that say little over and over have only their ends compared.

    Each repeated word multiplies what must be looked at, and a model that has collapsed repeats one without end.
    """
    there = Counter(right)
    if sum(there[word] for word in left if not word.isspace()) <= MOST_MATCHES:
        return SequenceMatcher(str.isspace, left, right, autojunk=False).get_opcodes()
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    rest = zip(reversed(left[head:]), reversed(right[head:]), strict=False)
    tail = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
    n, m = len(left), len(right)
    middle = ("replace", head, n - tail, head, m - tail)
    return [("equal", 0, head, 0, head), middle, ("equal", n - tail, n, m - tail, m)]


def _split(text: str) -> list[str]:
    return re.findall(r"\s+|[^\s]{1,40}", text[:MOST_CHARACTERS])[:MOST_WORDS]
