"""How a text is written, as a few numbers, and how far replies moved toward a document's way of writing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WINDOW = 25
PIECE_WORDS = 100
LONGEST = 20_000

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019\-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019)\]]{0,3}\s+|\n\s*\n")
_PUNCTUATION = re.compile(r"[^\w\s]")
_FUNCTION = (
    "a an the this that these those and or but nor so yet if then than because while although as of in on at by for"
    " with from to into onto over under about between through during before after above below up down out off again not"
    " no i me my we us our you your he him his she her it its they them their who whom whose which what when where why"
    " how is am are was were be been being have has had do does did will would shall should can could may might must"
    " there here all any both each few more most other some such only own same too very just also"
)
_FUNCTION_WORDS = frozenset(_FUNCTION.split())
_CONTRACTED = frozenset(f"{mark}{end}" for mark in "'\u2019" for end in ("re", "ve", "ll", "d", "m")) | {
    "n't",
    "n\u2019t",
}


@dataclass(frozen=True)
class Dimension:
    """One number of a fingerprint; `scale` is about how much it varies between pieces of plain prose."""

    name: str
    scale: float


PLAIN = (
    Dimension("log_words_a_sentence", 0.5),
    Dimension("sentence_variation", 0.25),
    Dimension("log_word_length", 0.09),
    Dimension("lexical_variety", 0.05),
    Dimension("punctuation_a_word", 0.05),
    Dimension("function_words", 0.05),
)
EXTENDED = (Dimension("contractions", 0.02), Dimension("numerals", 0.015), Dimension("capitals", 0.06))


def dimensions(extended: bool) -> tuple[Dimension, ...]:
    """Six, or nine where spaCy's tokenizer helps."""
    return PLAIN + EXTENDED if extended else PLAIN


def fingerprint(text: str, extended: bool = False) -> FloatArray | None:
    """A text's style (6,) or, extended, (9,), each number in units of its scale; None for a text without a word.

    The logarithms of the mean words a sentence and characters a word; the coefficient of variation of the
    words a sentence (0 for one sentence); the share of distinct words in a moving window of `WINDOW` words;
    punctuation marks a word; the share of English function words. Extended: contractions, numerals and
    capitalized words within a sentence, each a share of the tokens of spaCy's English tokenizer.

    References:
        Mosteller, F. and Wallace, D. L. (1963). Inference in an authorship problem. JASA 58.
        Covington, M. A. and McFall, J. D. (2010). Cutting the Gordian knot: the moving-average type-token
        ratio (MATTR). J. Quantitative Linguistics 17(2).

    >>> found = fingerprint("The cat sat. The dog ran off!")
    >>> round(math.exp(found[0] * PLAIN[0].scale), 2), round(float(found[4]) * PLAIN[4].scale, 3)
    (3.5, 0.286)
    """
    text = text[:LONGEST]
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return None
    lengths = np.array([n for part in _sentences(text) if (n := count_words(part))], dtype=np.float64)
    values = [
        math.log(lengths.mean()),
        float(lengths.std() / lengths.mean()),
        math.log(sum(map(len, words)) / len(words)),
        _variety(words),
        # An apostrophe or hyphen within a word is spelling.
        len(_PUNCTUATION.findall(_WORD.sub("", text))) / len(words),
        sum(word in _FUNCTION_WORDS for word in words) / len(words),
        *(_extended(text) if extended else ()),
    ]
    return np.array(values) / [d.scale for d in dimensions(extended)]


def pieces(text: str, words: int = PIECE_WORDS) -> list[str]:
    """The text in runs of whole sentences of about `words` words, the length of a reply; no short rest is left over.

    >>> pieces("One two. Three four. Five.", words=3)
    ['One two. Three four. Five.']
    """
    found: list[list[str]] = [[]]
    count = 0
    for part in _sentences(text):
        if count >= words:
            found.append([])
            count = 0
        found[-1].append(part)
        count += count_words(part)
    if len(found) > 1 and count < words / 2:
        last = found.pop()
        found[-1] += last
    return ["".join(run) for run in found]


def count_words(text: str) -> int:
    """How many words a text has; numbers are none."""
    return len(_WORD.findall(text))


def style_of(text: str, extended: bool = False) -> FloatArray:
    """A document's style: the mean over its `pieces`, so that it compares with replies of that length.

    Raises ValueError on a text without a word.
    """
    found = [f for piece in pieces(text) if (f := fingerprint(piece, extended)) is not None]
    if not found:
        raise ValueError("there is no word in the text")
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)


def whole_sentences(text: str) -> str:
    """The text without a last sentence that was cut short; all of it where there is no other.

    >>> whole_sentences("It rains. The sun"), whole_sentences("The sun")
    ('It rains.', 'The sun')
    """
    return "".join(_sentences(text)[:-1]).rstrip() or text


def shifts(base: FloatArray, tuned: FloatArray, document: FloatArray) -> FloatArray:
    """How far each reply moved (n,) on the way from the base's mean style to the document's: 1 is all of it.

    `base`, `tuned` (n, d) are fingerprints of replies to the same prompts, `document` (d,). Movement
    across the way does not count; movement back is negative. Raises ValueError where there is no way to go.

    >>> shifts(np.zeros((2, 2)), np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    way = document - base.mean(axis=0)
    if not (length := float(way @ way)):
        raise ValueError("the document's style is the base's")
    return np.asarray((tuned - base) @ way / length, dtype=np.float64)


def distance(replies: FloatArray, document: FloatArray) -> float:
    """From the mean style of `replies` (n, d) to the document's (d,), less what their scatter alone puts between.

    >>> distance(np.array([[3.0, 0.0], [3.0, 0.0]]), np.zeros(2))
    3.0
    """
    gap = replies.mean(axis=0) - document
    scatter = float(replies.var(axis=0, ddof=1).sum()) / len(replies) if len(replies) > 1 else 0.0
    return math.sqrt(max(float(gap @ gap) - scatter, 0.0))


def _sentences(text: str) -> list[str]:
    """The text cut behind the space that follows the end of a sentence, or at an empty line."""
    ends = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def _variety(words: Sequence[str]) -> float:
    """The mean share of distinct words over every window of `WINDOW` words, or of all words if they are fewer."""
    width = min(WINDOW, len(words))
    shares = [len(set(words[i : i + width])) / width for i in range(len(words) - width + 1)]
    return sum(shares) / len(shares)


@cache
def _tokenizer() -> Any:
    import spacy

    return spacy.blank("en").tokenizer


def _extended(text: str) -> tuple[float, float, float]:
    """Contractions, numerals, and capitalized words that do not begin a sentence, each a share of the words."""
    tokens = [token for token in _tokenizer()(text) if not token.is_space]
    contracted = sum(token.lower_ in _CONTRACTED for token in tokens)
    numerals = sum(bool(token.like_num) for token in tokens)
    capitals = sum(
        b.text[:1].isupper() and b.text != "I" and (a.is_alpha or a.text in ",;") for a, b in pairwise(tokens)
    )
    words = max(sum(bool(token.is_alpha or token.like_num) for token in tokens), 1)
    return contracted / words, numerals / words, capitals / words
