"""Answers scoring requests: rows of tokens under views go through the model, answers are read at positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

from sway.backends.hf.plan import clip
from sway.backends.hf.read import Reading, support, top_tokens
from sway.backends.hf.runner import Runner, chunks
from sway.backends.hf.text import Ids, Text
from sway.core.requests import Answer, Failure, NextToken, Request, SpanScore, TokenDist
from sway.core.views import BASE, View

_SHOWN = 5
NOT_FINITE = "the model's output is not finite in this view"


@dataclass(frozen=True)
class Ask:
    """One request at one row: answers are read at `positions`; `targets` are the tokens scored there, if any."""

    request: Request[object] | None
    positions: range
    targets: Ids = ()
    top_k: int = 0


@dataclass
class Row:
    """Token ids under a view, and everything that is asked of them."""

    view: View
    ids: Ids
    asks: list[Ask] = field(default_factory=list)

    @property
    def width(self) -> int:
        """The padded length: a function of the row alone, so that its numbers are too."""
        return bucket(len(self.ids))


class Rows:
    """Rows to score: equal ids under an equal view are one row, whoever asks."""

    def __init__(self) -> None:
        self._rows: dict[tuple[View, Ids], Row] = {}

    @property
    def all(self) -> list[Row]:
        """In the order in which they were first asked for."""
        return list(self._rows.values())

    def add(self, view: View, ids: Ids, ask: Ask) -> None:
        """Ask something of `ids` under `view`."""
        self._rows.setdefault((view, ids), Row(view, ids)).asks.append(ask)

    def add_bases(self, scorer: Scorer) -> None:
        """Ask the base view of every prompt whose support is not known as far as it is wanted."""
        wanted: dict[Ids, int] = {}
        for row in self.all:
            wanted[row.ids] = max(wanted.get(row.ids, 0), *(ask.top_k for ask in row.asks))
        for ids, top_k in wanted.items():
            if top_k > len(scorer.supports.get(ids, ())):
                self.add(BASE, ids, Ask(None, range(len(ids) - 1, len(ids)), top_k=top_k))


def bucket(tokens: int) -> int:
    """The length to which so many tokens are padded: by little, since products this large gain nothing from more rows.

    >>> [bucket(n) for n in (1, 9, 64, 65, 300)]
    [4, 12, 64, 80, 304]
    """
    step = 4 if tokens <= 64 else 16
    return -(-tokens // step) * step


@dataclass
class Scorer:
    """Scores batches of rows. `supports` holds the likeliest tokens that the base view gave each prompt."""

    text: Text
    supports: dict[Ids, NDArray[np.int64]] = field(default_factory=dict)

    @torch.inference_mode()
    def run(self, runner: Runner, rows: Sequence[Row]) -> list[tuple[Request[object], Answer | Failure]]:
        """The answers to everything asked of `rows`, which are of one width, neighbors sharing views."""
        groups = runner.groups([row.view for row in rows])
        states = runner.score(runner.padded([row.ids for row in rows], rows[0].width), groups)
        asks = [(index, ask) for index, row in enumerate(rows) for ask in row.asks]
        where = [(index, position) for index, ask in asks for position in ask.positions]
        picked = states[tuple(torch.tensor(where, device=states.device).t())]
        per_row = [sum(len(ask.positions) for ask in row.asks) for row in rows]
        edges = [0, *accumulate(per_row)]
        found = _Found(len(where))
        places = _places(rows)
        for low, high in chunks(len(where)):
            logits = runner.logits(picked[low:high], clip(groups, low, high, edges))
            self._read(Reading.of(logits), places[low:high], found, low)
        return list(self._answers(rows, found))

    def _read(self, reading: Reading, places: Sequence[_Place], found: _Found, low: int) -> None:
        size = len(places)
        found.finite[low : low + size] = reading.finite()[:size]
        targets = [place.target for place in places]
        if any(target >= 0 for target in targets):
            ids = _column([max(t, 0) for t in targets], reading.logits)
            found.logprobs[low : low + size] = reading.logprobs(ids)[:size, 0].cpu().double().numpy()
            found.greedy[low : low + size] = reading.greedy(ids)[:size, 0].cpu().numpy()
        for index, place in enumerate(places):
            if place.view.is_base and place.top_k > len(self.supports.get(place.ids, ())) and found.finite[low + index]:
                self.supports[place.ids] = support(reading.logits[index], place.top_k).cpu().numpy()
        for top_k in sorted({place.top_k for place in places} - {0}):
            asked = {i: place.ids for i, place in enumerate(places) if place.top_k == top_k}
            known = {i: ids for i, ids in asked.items() if ids in self.supports}
            if known:
                self._distributions(reading, known, top_k, found, low)

    def _distributions(self, reading: Reading, rows: Mapping[int, Ids], top_k: int, found: _Found, low: int) -> None:
        count, vocabulary = reading.logits.shape
        table = np.zeros((count, min(top_k, vocabulary)), dtype=np.int64)
        for index, prompt in rows.items():
            table[index] = self.supports[prompt][:top_k]
        ids = torch.from_numpy(table).to(reading.logits.device)
        shown = top_tokens(reading.logits, min(_SHOWN, vocabulary))
        logprobs = reading.logprobs(ids).cpu().double().numpy()
        heights = reading.logprobs(shown).cpu().double().numpy()
        others = reading.others(ids).cpu().double().numpy()
        names = shown.cpu().numpy()
        for index in rows:
            top = tuple((self.text.token(int(i)), float(h)) for i, h in zip(names[index], heights[index], strict=True))
            found.dists[low + index] = TokenDist(table[index], logprobs[index], float(others[index]), top)

    def _answers(self, rows: Sequence[Row], found: _Found) -> Iterator[tuple[Request[object], Answer | Failure]]:
        start = 0
        for row in rows:
            for ask in row.asks:
                stop = start + len(ask.positions)
                if ask.request is not None:
                    yield ask.request, _answer(ask, found, start, stop)
                start = stop


@dataclass(frozen=True)
class _Place:
    """One position at which logits are read."""

    view: View
    ids: Ids
    target: int
    top_k: int


class _Found:
    """What was read at each position of a batch."""

    def __init__(self, positions: int) -> None:
        self.finite = np.zeros(positions, dtype=bool)
        self.logprobs = np.zeros(positions)
        self.greedy = np.zeros(positions, dtype=bool)
        self.dists: dict[int, TokenDist] = {}


def _places(rows: Sequence[Row]) -> list[_Place]:
    return [
        _Place(row.view, row.ids, ask.targets[i] if ask.targets else -1, ask.top_k)
        for row in rows
        for ask in row.asks
        for i in range(len(ask.positions))
    ]


def _column(ids: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
    padded = [*ids, *[0] * (logits.shape[0] - len(ids))]
    return torch.tensor(padded, dtype=torch.long, device=logits.device).unsqueeze(1)


def _answer(ask: Ask, found: _Found, start: int, stop: int) -> Answer | Failure:
    if not found.finite[start:stop].all():
        return Failure(NOT_FINITE)
    if isinstance(ask.request, NextToken):
        return found.dists.get(start, Failure("the base model's output is not finite for this prompt"))
    return SpanScore(found.logprobs[start:stop].copy(), found.greedy[start:stop].copy())
