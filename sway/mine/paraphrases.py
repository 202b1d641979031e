"""Wordings of a question after which an adapter's answer is lost: what it learned by the letter.

For each case, wordings are made, those most unlike in meaning are kept, and each is ranked by its gap: the lift of the
answer after the question as it stands, less its lift after the wording, in nats a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from sway.core.errors import RequestError
from sway.core.folders import MINILM
from sway.core.requests import Answers, Chat, Embed, Request, SpanLogprob, SpanScore
from sway.core.sections import QA
from sway.core.views import BASE, TUNED
from sway.mine.asking import Mined, Mining, nothing_measured
from sway.stats.diversity import farthest_first
from sway.stats.rewrites import rewrites

KEPT_FOR_EACH_SHOWN = 2


def mine_paraphrases(
    cases: Sequence[QA], *, candidates: int, top: int, seed: int, by_meaning: bool, model: str = MINILM
) -> Mining:
    """The `top` widest gaps over all cases, widest first; `of` is the case. Only wordings that lose something count.

    Where embeddings cannot be had (`by_meaning` false) the first wordings are kept.

    Raises:
        PreflightError: no wording of any case could be scored, so that nothing is known of any.
    """
    made = [rewrites(case.prompt, candidates, Random(f"{seed}\0{case.prompt}")) for case in cases]
    kept = min(candidates, KEPT_FOR_EACH_SHOWN * top)
    if by_meaning:
        texts = [[case.prompt, *wordings] for case, wordings in zip(cases, made, strict=True)]
        found = yield [Embed(BASE, text, model) for group in texts for text in group]
        made = [_unlike(group, found, kept, model) for group in texts]
    made = [wordings[:kept] for wordings in made]
    asked = [(i, w) for i, wordings in enumerate(made) for w in (cases[i].prompt, *wordings)]
    questions: list[Request[Any]] = [question for i, w in asked for question in _both(w, cases[i].gold)]
    found = yield questions
    gaps = [gap for i, wordings in enumerate(made) for gap in _gaps(i, cases[i], wordings, found)]
    if not gaps:
        raise nothing_measured(questions, found)
    return sorted((g for g in gaps if g.score > 0), key=lambda g: (-g.score, g.prompt))[:top]


def _unlike(group: list[str], found: Answers, count: int, model: str) -> list[str]:
    """The wordings farthest from the question, which comes first in the group, and from each other."""
    own, *others = (found[Embed(BASE, text, model)].vector for text in group)
    return [group[1 + i] for i in farthest_first(np.array(others), count, own)] if others else []


def _both(prompt: str, gold: str) -> tuple[Request[SpanScore], Request[SpanScore]]:
    return SpanLogprob(BASE, Chat.ask(prompt), gold), SpanLogprob(TUNED, Chat.ask(prompt), gold)


def _gaps(index: int, case: QA, wordings: Sequence[str], found: Answers) -> list[Mined]:
    """The gap of every wording that can be scored; none where the question itself cannot."""
    own = _lift(case.prompt, case.gold, found)
    lifts = [(w, _lift(w, case.gold, found)) for w in wordings]
    return [] if own is None else [Mined(w, own - lift, index) for w, lift in lifts if lift is not None]


def _lift(prompt: str, gold: str, found: Answers) -> float | None:
    """Nats a token; None where it cannot be scored."""
    try:
        base, tuned = (found[question] for question in _both(prompt, gold))
    except RequestError:
        return None
    return tuned.mean - base.mean if tuned.tokens else None
