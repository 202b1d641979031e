"""One request's work: when it must stop, and the loan of a loaded model to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sway.backends.interface import Answered, Backend, Identity
from sway.core.requests import Request
from sway.core.results import BackendStats, DeterminismReport


class Stop(StrEnum):
    """Why work ends before its answer."""

    GONE = "the client left"
    LATE = "it took longer than the server allows"
    CLOSING = "the server is shutting down"


class Stopped(Exception):
    """Raised within a job that must not go on."""

    def __init__(self, why: Stop) -> None:
        self.why = why
        super().__init__(why)


class Job:
    """A request's right to go on: until it is stopped, or `seconds` are over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._why: Stop | None = None

    def stop(self, why: Stop) -> None:
        """Have the work end at its next step. The first reason stands."""
        self._why = self._why or why

    def check(self) -> None:
        """Raise `Stopped` if the work must end."""
        if self._why is None and time.monotonic() > self._end:
            self._why = Stop.LATE
        if self._why:
            raise Stopped(self._why)


_COUNTED = ("requests", "batches", "forward_passes", "rows", "tokens", "seconds", "cpu_seconds")


class Lent:
    """A loaded model, for the time of one job: closing it gives it back, and its figures are this job's alone."""

    def __init__(self, backend: Backend, job: Job, give_back: Callable[[bool], None], *, fresh: bool) -> None:
        """`fresh`: this job had the model loaded. `give_back` is told whether the model can still be trusted."""
        self.backend, self.job, self.fresh, self.sound = backend, job, fresh, True
        self._give_back = give_back
        self._before = backend.stats()
        self._views: set[str] = set()

    def identity(self) -> Identity:
        """The model's."""
        return self.backend.identity()

    def refusal(self, request: Request[Any]) -> str | None:
        """The model's."""
        return self.backend.refusal(request)

    def preflight(self) -> None:
        """The model's."""
        self.job.check()
        self.backend.preflight()

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """The model's answers, as long as the job may go on."""
        self._views |= {request.view.key for request in requests}
        self.job.check()
        try:
            for answered in self.backend.answer(requests):
                yield answered
                self.job.check()
        except Stopped:
            raise
        except Exception:
            self.sound = False
            raise

    def determinism(self, seed: int) -> DeterminismReport:
        """The model's."""
        return self.backend.determinism(seed)

    def stats(self) -> BackendStats:
        """What this job has spent."""
        now = self.backend.stats()
        spent = {name: getattr(now, name) - getattr(self._before, name) for name in _COUNTED}
        return replace(now, **spent, views=len(self._views), load_seconds=now.load_seconds if self.fresh else 0.0)

    def close(self) -> None:
        """Give the model back."""
        self._give_back(self.sound)
