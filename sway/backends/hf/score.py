"""Answers scoring requests: rows of tokens under views go through the model, answers are read at positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sway.backends.hf.intake import Ask, Row
from sway.backends.hf.passes import States, states
from sway.backends.hf.plan import within
from sway.backends.hf.read import Reading, support, top_tokens
from sway.backends.hf.runner import Runner, chunks
from sway.backends.hf.text import Ids, Text
from sway.core.requests import Answer, Failure, Request, SpanScore, TokenDist

_SHOWN = 5
NOT_FINITE = "the model's output is not finite in this view"
NO_SUPPORT = "the base model's output is not finite for this prompt"


@dataclass
class Scorer:
    """Scores batches of rows. `supports` holds the likeliest tokens that the base view gave each prompt."""

    text: Text
    supports: dict[Ids, NDArray[np.int64]] = field(default_factory=dict)

    def learn(self, prompt: Ids, likeliest: NDArray[np.int64]) -> None:
        """Take note of a prompt's support, unless as much of it is known."""
        if len(likeliest) > len(self.supports.get(prompt, ())):
            self.supports[prompt] = likeliest

    @torch.inference_mode()
    def run(self, runner: Runner, rows: Sequence[Row]) -> list[tuple[Request[object], Answer | Failure]]:
        """The answers to everything asked of `rows`, neighbors sharing views."""
        found = states(runner, rows)
        spots = [
            _Spot(row, ask, [where[i] for i in ask.positions])
            for row, where in zip(rows, found.places, strict=True)
            for ask in row.asks
        ]
        scores = self._scores(runner, found, [s for s in spots if s.ask.targets])
        dists = self._dists(runner, found, [s for s in spots if not s.ask.targets])
        return [
            (spot.ask.request, (scores if spot.ask.targets else dists)[id(spot)])
            for spot in spots
            if spot.ask.request is not None
        ]

    def _scores(self, runner: Runner, found: States, spots: Sequence[_Spot]) -> dict[int, Answer | Failure]:
        """Log-probabilities of the targets, by spot."""
        if not spots:
            return {}
        slots = _slots(spots)
        pairs = [(slots[p], t) for s in spots for p, t in zip(s.places, s.ask.targets, strict=True)]
        picked, groups = found.only(list(slots))
        scored = runner.score_pairs(picked, groups, pairs)
        answers: dict[int, Answer | Failure] = {}
        start = 0
        for spot in spots:
            part = slice(start, start + len(spot.places))
            whole = bool(scored.finite[part].all())
            score = SpanScore(scored.logprobs[part].copy(), scored.greedy[part].copy())
            answers[id(spot)] = score if whole else Failure(NOT_FINITE)
            start = part.stop
        return answers

    def _dists(self, runner: Runner, found: States, spots: Sequence[_Spot]) -> dict[int, Answer | Failure]:
        """Distributions of the next token, by spot. The base's come first, since the others need their support."""
        answers: dict[int, Answer | Failure] = {}
        if not spots:
            return answers
        slots = _slots(spots)
        picked, groups = found.only(list(slots))
        for low, high in chunks(len(slots)):
            reading = Reading.of(runner.logits(picked[low:high], within(groups, low, high)))
            here = [(slots[s.places[0]] - low, s) for s in spots if low <= slots[s.places[0]] < high]
            answers |= self._read(reading, here)
        return answers

    def _read(self, reading: Reading, spots: Sequence[tuple[int, _Spot]]) -> dict[int, Answer | Failure]:
        finite = reading.finite()
        answers: dict[int, Answer | Failure] = {id(s): Failure(NOT_FINITE) for i, s in spots if not finite[i]}
        spots = [(i, s) for i, s in spots if finite[i]]
        for i, s in spots:
            if s.row.view.is_base and s.ask.top_k > len(self.supports.get(s.row.ids, ())):
                self.learn(s.row.ids, support(reading.logits[i], s.ask.top_k).cpu().numpy())
        for top_k in sorted({s.ask.top_k for _, s in spots}):
            asked = [(i, s) for i, s in spots if s.ask.top_k == top_k and s.ask.request is not None]
            known = [(i, s) for i, s in asked if s.row.ids in self.supports]
            answers |= {id(s): Failure(NO_SUPPORT) for _, s in asked}
            if known:
                answers |= self._distributions(reading, known, top_k)
        return answers

    def _distributions(
        self, reading: Reading, spots: Sequence[tuple[int, _Spot]], top_k: int
    ) -> dict[int, Answer | Failure]:
        count, vocabulary = reading.logits.shape
        table = np.zeros((count, min(top_k, vocabulary)), dtype=np.int64)
        for index, spot in spots:
            table[index] = self.supports[spot.row.ids][:top_k]
        ids = torch.from_numpy(table).to(reading.logits.device)
        shown = top_tokens(reading.logits, min(_SHOWN, vocabulary))
        logprobs = reading.logprobs(ids).cpu().double().numpy()
        heights = reading.logprobs(shown).cpu().double().numpy()
        others = reading.others(ids).cpu().double().numpy()
        names = shown.cpu().numpy()
        answers: dict[int, Answer | Failure] = {}
        for i, spot in spots:
            top = tuple((self.text.token(int(n)), float(h)) for n, h in zip(names[i], heights[i], strict=True))
            answers[id(spot)] = TokenDist(table[i], logprobs[i], float(others[i]), top)
        return answers


@dataclass(frozen=True, eq=False)
class _Spot:
    """One request at one row, and where its positions are among the states."""

    row: Row
    ask: Ask
    places: list[int]


def _slots(spots: Sequence[_Spot]) -> dict[int, int]:
    """The number of each place that is read, in their order."""
    return {place: i for i, place in enumerate(sorted({p for spot in spots for p in spot.places}))}
