"""Rounds: what is asked, once, and who is told when a question fails."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from sway.backends.interface import Answered
from sway.core.errors import RequestError, SkipProbe, SwayError
from sway.core.measurement import Measurement
from sway.core.probe import Asking
from sway.core.requests import Failure, RollingLogprob, SpanScore
from sway.core.results import Cost
from sway.core.views import BASE, TUNED, NullDraw, View
from sway.engine.ask import Task, run_rounds
from sway.engine.progress import Silent


class CountingBackend:
    """Scores a text by its length; keeps what it was asked; refuses or fails on request."""

    def __init__(self, *, fails: str = "", refuses: str = "", silent_on: str = "") -> None:
        self.rounds: list[list[Any]] = []
        self.fails, self.refuses, self.silent_on = fails, refuses, silent_on

    def refusal(self, request: Any) -> str | None:
        return "not here" if request.text == self.refuses else None

    def answer(self, requests: Sequence[Any]) -> Iterator[Answered]:
        self.rounds.append(list(requests))
        for request in requests:
            if request.text == self.silent_on:
                continue
            if request.text == self.fails:
                yield Answered(request, Failure("too long"))
                continue
            value = -float(len(request.text)) - 10 * request.view.scale - (request.view.null is not None)
            yield Answered(request, SpanScore(np.array([value]), np.array([True])), Cost(1.0))


def ask(*texts: str, view: View = TUNED) -> Asking:
    got = yield [RollingLogprob(view, text) for text in texts]
    return Measurement(sum(got[RollingLogprob(view, text)].mean for text in texts))


def two_rounds() -> Asking:
    first = yield [RollingLogprob(BASE, "a")]
    second = yield [RollingLogprob(BASE, "b" * int(-first[RollingLogprob(BASE, "a")].mean + 1))]
    return Measurement(second[RollingLogprob(BASE, "bb")].mean)


def test_equal_questions_of_different_probes_reach_the_backend_once() -> None:
    backend = CountingBackend()
    tasks = [Task("one", ask("x", "y")), Task("two", ask("y", "z"))]
    run_rounds(tasks, backend, Silent())
    assert [r.text for r in backend.rounds[0]] == ["x", "y", "z"]
    assert [t.outcome.raw for t in tasks] == [-22.0, -22.0]


def test_a_null_is_asked_the_same_question_and_the_base_only_once() -> None:
    backend = CountingBackend()
    draw = NullDraw(seed=1, index=0)
    tasks = [Task("p", ask("x")), Task("p", ask("x"), draw), Task("q", ask("x", view=BASE), draw)]
    run_rounds(tasks, backend, Silent())
    assert {r.view for r in backend.rounds[0]} == {TUNED, TUNED.under(draw), BASE}
    assert tasks[1].outcome.raw == tasks[0].outcome.raw - 1


def test_a_scaled_view_under_a_null_keeps_its_scale_and_zero_is_the_base() -> None:
    draw = NullDraw(seed=1, index=0)
    assert View(0.5).under(draw) == View(0.5, draw)
    assert View(0.0).under(draw) == BASE
    assert View(1.0) == TUNED


def test_later_rounds_depend_on_earlier_answers_and_reuse_them() -> None:
    backend = CountingBackend()
    tasks = [Task("p", two_rounds()), Task("q", ask("a", view=BASE))]
    run_rounds(tasks, backend, Silent())
    assert [[r.text for r in asked] for asked in backend.rounds] == [["a"], ["bb"]]


@pytest.mark.parametrize("trouble", ["fails", "silent_on"])
def test_one_unanswered_question_fails_its_askers_and_nobody_else(trouble: str) -> None:
    backend = CountingBackend(**{trouble: "bad"})
    tasks = [Task("hurt", ask("ok", "bad")), Task("well", ask("ok"))]
    run_rounds(tasks, backend, Silent())
    assert isinstance(tasks[0].outcome, RequestError)
    assert tasks[1].outcome.raw == -12.0


def test_a_refused_question_skips_its_probe_before_anything_is_sent() -> None:
    backend = CountingBackend(refuses="never")
    tasks = [Task("p", ask("never")), Task("q", ask("x"))]
    run_rounds(tasks, backend, Silent())
    assert isinstance(tasks[0].outcome, SkipProbe)
    assert [r.text for r in backend.rounds[0]] == ["x"]


@pytest.mark.parametrize("fault", [SkipProbe("no sections"), SwayError("bad file"), ZeroDivisionError("oops")])
def test_a_raising_probe_ends_with_its_fault_and_the_rest_goes_on(fault: Exception) -> None:
    def broken() -> Asking:
        yield []
        raise fault

    backend = CountingBackend()
    tasks = [Task("broken", broken()), Task("well", ask("x"))]
    run_rounds(tasks, backend, Silent())
    assert tasks[0].outcome is fault
    assert tasks[1].outcome.raw == -11.0


def test_the_cost_of_a_shared_question_is_split_between_its_askers() -> None:
    tasks = [Task("one", ask("x", "y")), Task("two", ask("y"))]
    run_rounds(tasks, CountingBackend(), Silent())
    assert [t.cost.seconds for t in tasks] == [1.5, 0.5]


def test_probes_that_ask_nothing_need_no_backend() -> None:
    def quiet() -> Asking:
        return Measurement(1.0)
        yield []

    task = Task("disk", quiet())
    run_rounds([task], None, Silent())
    assert task.outcome == Measurement(1.0)
