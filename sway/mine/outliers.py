"""Prompts at which an adapter changes the model far more than at others: where to look for what nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sway.core.errors import RequestError
from sway.core.requests import Answers, NextToken
from sway.core.views import BASE, TUNED
from sway.mine.asking import Mined, Mining, nothing_measured
from sway.stats.divergence import jensen_shannon

WORDS = 12
TO_DEVIATION = 1.4826
"""The median absolute deviation times this is the standard deviation, where values are normal."""


def mine_outliers(prompts: Sequence[str], *, top: int, top_k: int) -> Mining:
    """The `top` prompts by divergence of the next token, in nats, largest first.

    Raises:
        PreflightError: no prompt could be answered, so that nothing is known of any.
    """
    questions = [NextToken(view, prompt, top_k) for prompt in prompts for view in (BASE, TUNED)]
    found = yield questions
    moved = [Mined(p, d) for p in prompts if (d := _divergence(p, top_k, found)) is not None]
    if not moved:
        raise nothing_measured(questions, found)
    return sorted(moved, key=lambda m: (-m.score, m.prompt))[:top]


def _divergence(prompt: str, top_k: int, found: Answers) -> float | None:
    try:
        base, tuned = (found[NextToken(view, prompt, top_k)].masses() for view in (BASE, TUNED))
    except RequestError:
        return None
    return jensen_shannon(base, tuned)


def deviations(scores: Sequence[float]) -> list[float]:
    """How many robust standard deviations each value lies above the median; 0 where there is no spread.

    >>> [round(x, 1) for x in deviations([1.0, 2.0, 3.0, 10.0])]
    [-1.0, -0.3, 0.3, 5.1]
    """
    middle = median(scores) if scores else 0.0
    spread = TO_DEVIATION * median(abs(x - middle) for x in scores) if scores else 0.0
    return [(x - middle) / spread if spread else 0.0 for x in scores]


def openings(texts: Sequence[str], most: int) -> list[str]:
    """Up to `most` prompts: the first words of paragraphs and sentences, taken from each text in turn."""
    each = [_starts(text) for text in texts]
    turns = [starts[i] for i in range(max(map(len, each), default=0)) for starts in each if i < len(starts)]
    return list(dict.fromkeys(turns))[:most]


def _starts(text: str) -> list[str]:
    sentences = [s.split() for s in text.replace("! ", ". ").replace("? ", ". ").split(". ")]
    return [" ".join(words[:WORDS]) for words in sentences if len(words) > WORDS]
