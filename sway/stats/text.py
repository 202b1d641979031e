"""Small changes to a text that keep its sense, and how much of a text a model recites."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Perturbation = Callable[[str, Random], str]

_SYNONYMS = (
    "big large|small little|quick fast|begin start|end finish|show display|help assist|make create|use employ"
    "|important significant|often frequently|many numerous|near close|hard difficult|easy simple|buy purchase"
    "|need require|keep retain|choose select|happy glad|old ancient|answer reply|house home|road street"
    "|child kid|speak talk|whole entire|below under|above over|almost nearly|also too|main chief|error mistake"
    "|change alter|build construct|remove delete|check verify|each every|first initial|must should|before prior to"
)
_REGISTERS = (
    "do not>don't|does not>doesn't|did not>didn't|is not>isn't|are not>aren't|was not>wasn't|cannot>can't"
    "|will not>won't|it is>it's|that is>that's|we are>we're|you are>you're|they are>they're|I am>I'm|let us>let's"
    "|however>but|therefore>so|in order to>to|obtain>get|require>need|approximately>about|children>kids"
    "|because>since|very>really|perhaps>maybe|such as>like|receive>get|many>lots of|must>have to"
)
_OPENINGS = (
    "Here is the passage. ",
    "As mentioned earlier, ",
    "Someone wrote the following. ",
    "To continue where we stopped: ",
    "For the record: ",
)


def leading_recall(greedy: Sequence[bool] | NDArray[np.bool_]) -> float:
    """The share of a text's tokens (n,) that greedy decoding recites before its first departure, 0 to 1.

    Exact for greedy decoding: up to the first departure, forced and free decoding see the same context.

    >>> leading_recall([True, True, False, True])
    0.5
    """
    run = next((i for i, hit in enumerate(greedy) if not hit), len(greedy))
    return run / len(greedy) if len(greedy) else 0.0


def split_between_words(text: str, chars: int) -> tuple[str, str]:
    """The text up to the last space within its first `chars` characters, and from that space on.

    >>> split_between_words("one two three", 9)
    ('one two', ' three')
    """
    at = chars if text[chars : chars + 1].isspace() else text.rfind(" ", 1, chars)
    at = at if at > 0 else chars
    return text[:at].rstrip(), text[at:]


def typo(text: str, rng: Random) -> str:
    """Swap two neighbouring letters within one word in twelve, at least one."""
    return _edit_words(text, rng, r"[A-Za-z]{4,}", 12, _swap_letters)


def case_flip(text: str, rng: Random) -> str:
    """Flip the case of the first letter of one word in six, at least one."""
    return _edit_words(text, rng, r"[A-Za-z]+", 6, lambda word, _: word[0].swapcase() + word[1:])


def drop_punct(text: str, rng: Random) -> str:
    """Drop all punctuation between words.

    >>> drop_punct("Well, yes; no.", Random(0))
    'Well yes no'
    """
    del rng
    return re.sub(r"(?<!\w)[^\w\s]+|[^\w\s]+(?!\w)", "", text)


def synonym_swap(text: str, rng: Random) -> str:
    """Replace up to three words by a word of like meaning; a text without a known word stays as it is.

    >>> synonym_swap("A big house.", Random(1))
    'A large home.'
    """
    pairs = _pairs(_SYNONYMS, " ")
    return _replace(text, pairs | {b: a for a, b in pairs.items()}, rng, most=3)


def clause_reverse(text: str, rng: Random) -> str:
    """Reverse the order of the clauses before the last one, which what follows depends on; swap the clauses if two.

    >>> clause_reverse("One, two, three", Random(0))
    'two, One, three'
    """
    del rng
    parts = re.split(r"([,;:.!?]\s+)", text)
    clauses, joints = parts[::2], parts[1::2]
    moved = [*reversed(clauses[:-1]), clauses[-1]] if len(clauses) > 2 else clauses[::-1]
    return "".join(c + j for c, j in zip(moved, [*joints, ""], strict=True))


def prefix_inject(text: str, rng: Random) -> str:
    """Put a neutral sentence in front."""
    return rng.choice(_OPENINGS) + text


def register_shift(text: str, rng: Random) -> str:
    """Make up to three turns of phrase less formal, or more; a text with none gets an informal opening word.

    >>> register_shift("We do not know.", Random(0))
    "We don't know."
    """
    pairs = _pairs(_REGISTERS, ">")
    shifted = _replace(text, pairs | {plain: formal for formal, plain in pairs.items() if "'" in plain}, rng, most=3)
    return shifted if shifted != text else "So, " + text[:1].lower() + text[1:]


PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType(
    {
        "typo": typo,
        "case_flip": case_flip,
        "drop_punct": drop_punct,
        "synonym_swap": synonym_swap,
        "clause_reverse": clause_reverse,
        "prefix_inject": prefix_inject,
        "register_shift": register_shift,
    }
)
"""Every perturbation by name. Each is a function of the text and the generator's state alone."""


def _pairs(listing: str, separator: str) -> dict[str, str]:
    first_second = (pair.partition(separator) for pair in listing.split("|"))
    return {first: second for first, _, second in first_second}


def _edit_words(text: str, rng: Random, pattern: str, every: int, edit: Callable[[str, Random], str]) -> str:
    """Edit one in `every` words that match `pattern`, at least one if any does."""
    spans = [m.span() for m in re.finditer(pattern, text)]
    chosen = sorted(rng.sample(spans, min(len(spans), max(1, len(spans) // every))), reverse=True)
    for start, end in chosen:
        text = text[:start] + edit(text[start:end], rng) + text[end:]
    return text


def _swap_letters(word: str, rng: Random) -> str:
    spots = [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]] or [0]
    i = rng.choice(spots)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _replace(text: str, table: Mapping[str, str], rng: Random, most: int) -> str:
    """Replace up to `most` whole-word occurrences of the table's keys, keeping a leading capital."""
    keys = "|".join(re.escape(k) for k in sorted(table, key=len, reverse=True))
    found = list(re.finditer(rf"(?<![\w'])({keys})(?![\w'])", text, flags=re.IGNORECASE))
    by_lower = {k.lower(): v for k, v in table.items()}
    for m in sorted(rng.sample(found, min(most, len(found))), key=lambda m: -m.start()):
        word = by_lower[m.group().lower()]
        text = text[: m.start()] + (word[:1].upper() + word[1:] if m.group()[0].isupper() else word) + text[m.end() :]
    return text
