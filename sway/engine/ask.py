"""Rounds: every probe asks, everything asked is answered in one batch, every probe goes on.

A task is one run of a probe's generator: on the trained adapter, or on a null adapter that stands
in for it. All tasks advance together, so that the questions of all probes and all nulls are
deduplicated and batched as one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sway.backends.interface import Backend, Recalling
from sway.core.errors import SkipProbe
from sway.core.measurement import Measurement
from sway.core.probe import Asking
from sway.core.requests import Answer, Answers, Failure, Request
from sway.core.results import NOTHING, Cost
from sway.core.views import NullDraw
from sway.engine.progress import Progress

Outcome = Measurement | SkipProbe | Exception


@dataclass
class Task:
    """One run of a probe's generator, and how far it has come."""

    probe: str
    asking: Asking
    draw: NullDraw | None = None
    asked: Sequence[Request[Any]] = ()
    outcome: Outcome | None = None
    cost: Cost = NOTHING

    def advance(self, found: dict[Request[Any], Answer | Failure] | None) -> None:
        """Hand over the last round's answers (None at the start) and take the next questions."""
        try:
            questions = next(self.asking) if found is None else self.asking.send(Answers(found, self.draw))
        except StopIteration as stop:
            self._end(stop.value)
        except Exception as outcome:  # noqa: BLE001 - a probe's fault must not end the suite
            self._end(outcome)
        else:
            self.asked = [q.under(self.draw) for q in questions] if self.draw else list(questions)

    def stop(self, outcome: Outcome) -> None:
        """End the task from outside."""
        self.asking.close()
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self.outcome, self.asked = outcome, ()


@dataclass
class Store:
    """Every answer of a run. A question is sent to the backend once, whoever asks and however often.

    `known` holds answers of an earlier, interrupted run, by `question_key`; `base` what the base was asked for other
    adapters.
    """

    found: dict[Request[Any], Answer | Failure] = field(default_factory=dict)
    costs: dict[Request[Any], Cost] = field(default_factory=dict)
    known: Mapping[str, Answer] = field(default_factory=dict)
    base: Mapping[str, Answer | Failure] = field(default_factory=dict)

    def missing(self, tasks: Iterable[Task]) -> list[Request[Any]]:
        """The distinct questions of a round that have no answer yet."""
        asked = list(dict.fromkeys(q for task in tasks for q in task.asked if q not in self.found))
        self.found |= {q: a for q in asked if (a := self._kept(q)) is not None}
        return [q for q in asked if q not in self.found]

    def _kept(self, question: Request[Any]) -> Answer | Failure | None:
        if not self.known and not (self.base and question.view.is_base):
            return None
        key = question_key(question)
        return self.known.get(key) or (self.base.get(key) if question.view.is_base else None)

    def fill(self, requests: Sequence[Request[Any]], backend: Backend, progress: Progress) -> None:
        """Have the backend answer all of `requests`. One that it passes over becomes a failure."""
        for done, answered in enumerate(backend.answer(requests), start=1):
            self.found[answered.request] = answered.answer
            self.costs[answered.request] = answered.cost
            progress.advance(done, len(requests))
        for request in requests:
            self.found.setdefault(request, Failure("the backend gave no answer"))


def question_key(request: Request[Any]) -> str:
    """A digest of a question, equal for equal questions in every process."""
    return hashlib.sha256(repr(request).encode("utf-8", "backslashreplace")).hexdigest()


def run_rounds(tasks: Sequence[Task], backend: Backend | None, progress: Progress, store: Store | None = None) -> Store:
    """Advance every task to its end. Tasks that ask anything need a `backend`."""
    store = store or Store()
    for task in tasks:
        task.advance(None)
    number = 0
    while live := [task for task in tasks if task.outcome is None]:
        number += 1
        if backend is None:
            raise RuntimeError("a task asked a question but no backend was given")
        _refuse(live, backend)
        live = [task for task in live if task.outcome is None]
        missing = store.missing(live)
        if isinstance(backend, Recalling):
            backend.recall({q: a for q, a in store.found.items() if q.view.is_base})
        progress.stage(f"round {number}: {len(missing)} questions")
        store.fill(missing, backend, progress)
        _share_cost(live, store)
        for task in live:
            task.advance(store.found)
    return store


def _refuse(tasks: Sequence[Task], backend: Backend) -> None:
    """End the tasks that ask what the backend can never answer."""
    for task in tasks:
        reason = next((r for q in task.asked if (r := backend.refusal(q))), None)
        if reason:
            task.stop(SkipProbe(reason))


def _share_cost(tasks: Sequence[Task], store: Store) -> None:
    """Split the cost of each question evenly between those who asked it this round. Asked again, it costs nothing."""
    askers = Counter(q for task in tasks for q in set(task.asked))
    for task in tasks:
        shares = (store.costs[q].share(askers[q]) for q in dict.fromkeys(task.asked) if q in store.costs)
        task.cost = sum(shares, task.cost)
    store.costs.clear()
