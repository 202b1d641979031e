"""Takes rows and lines through the models, batch by batch, and counts what each batch took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from sway.backends.hf.batch import batches
from sway.backends.hf.budget import Budget
from sway.backends.hf.decode import Held, lists
from sway.backends.hf.generate import Line, State, Writer
from sway.backends.hf.intake import Row, Rows, packs
from sway.backends.hf.runner import Runner
from sway.backends.hf.score import Scorer
from sway.backends.hf.spent import Spent
from sway.backends.interface import Answered
from sway.core.requests import Answer, Failure, Request
from sway.core.results import Cost
from sway.core.views import View

T = TypeVar("T")
Found = list[tuple[Request[Any], Answer | Failure]]


@dataclass
class Work:
    """What does the work: the model that has the adapter and, where there are two, the copy for the base view."""

    runners: Sequence[Runner]
    scorer: Scorer
    ends: frozenset[int]
    budget: Budget
    spent: Spent

    def score(self, rows: Rows) -> Iterator[Answered]:
        """Score rows."""
        for runner, same in self._by_side(rows.all, lambda row: row.view):
            size = lambda: self.budget.tokens  # noqa: E731  # it may shrink while batches are cut
            cut = packs(same, size) if runner.packs else batches(same, lambda row: row.view, size)
            for batch in cut:
                run = partial(self.scorer.run, runner)
                yield from self._timed(runner, run, batch, _row_failed, [row.view for row in batch])

    def write(self, lines: Sequence[Line]) -> Iterator[Answered]:
        """Continue lines."""
        for runner, same in self._by_side(lines, lambda line: line.request.view):
            size = lambda: self.budget.held - runner.openings.tokens  # noqa: B023,E731  # called before the next side
            cut = lists(same, size) if runner.packs else batches(same, lambda line: line.request.view, size)
            for batch in cut:
                start = partial(Held.start, tokens=self.budget.tokens) if runner.packs else State.start
                writer = Writer(runner, self.scorer.text, self.ends, start)
                yield from self._timed(runner, writer.run, batch, _line_failed, [line.request.view for line in batch])

    def _by_side(self, items: Sequence[T], view_of: Callable[[T], View]) -> Iterator[tuple[Runner, list[T]]]:
        """What each runner is to show. The base copy, where there is one, comes first: others need its support."""
        base = [item for item in items if view_of(item).is_base]
        others = [item for item in items if not view_of(item).is_base]
        sides = [(self.runners[0], [*base, *others])]
        if len(self.runners) > 1:
            sides = [(self.runners[1], base), (self.runners[0], others)]
        return ((runner, same) for runner, same in sides if same)

    def _timed(
        self,
        runner: Runner,
        run: Callable[[list[Any]], Found],
        batch: list[Any],
        failed: Callable[[Any], Found],
        views: list[View],
    ) -> Iterator[Answered]:
        spent = self.spent
        start, cpu, passes, tokens = time.perf_counter(), time.process_time(), spent.forward_passes, spent.tokens
        found = self.budget.run(_forgetting(runner, run), batch, failed)
        cost = Cost(time.perf_counter() - start, time.process_time() - cpu, spent.forward_passes - passes)
        kind: Literal["score", "write"] = "write" if isinstance(batch[0], Line) else "score"
        spent.add(kind, views, max(item.width for item in batch), cost, spent.tokens - tokens)
        tokens_of = {request: count for item in batch for request, count in _tokens(item)}
        total = sum(tokens_of[request] for request, _ in found)
        for request, answer in found:
            yield Answered(request, answer, cost.share(total / tokens_of[request]))


def _tokens(item: Row | Line) -> list[tuple[Request[Any], float]]:
    """How many tokens each request of a row or line stands for, when a batch's cost is split."""
    if isinstance(item, Line):
        return [(item.request, len(item.ids) + len(item.written))]
    asked = [ask.request for ask in item.asks if ask.request is not None]
    return [(request, len(item.ids) / len(asked)) for request in asked]


def _forgetting(runner: Runner, run: Callable[[list[Any]], Found]) -> Callable[[list[Any]], Found]:
    """`run`, after which no opening is held where it failed: memory may have run out."""

    def guarded(batch: list[Any]) -> Found:
        try:
            return run(batch)
        except (MemoryError, RuntimeError):
            runner.openings.clear()
            raise

    return guarded


_NO_MEMORY = "it does not fit in memory, even alone"


def _row_failed(row: Row) -> Found:
    return [(ask.request, Failure(_NO_MEMORY)) for ask in row.asks if ask.request is not None]


def _line_failed(line: Line) -> Found:
    return [(line.request, Failure(_NO_MEMORY))]
