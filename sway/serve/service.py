"""What the server does with a request: checks it, runs its suite in its turn, counts it, and stops it in time."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from sway import __version__
from sway.core.errors import SpecError, SwayError
from sway.engine.build import build
from sway.engine.gate import decide
from sway.engine.plan import Options
from sway.engine.run import Build, run_suite
from sway.report.json_report import to_report
from sway.serve.job import Job, Stop, Stopped
from sway.serve.lines import Lines
from sway.serve.models import Models, key
from sway.serve.policy import Policy, Refused
from sway.serve.wire import Fault, Health, Model, RunRequest, ScoreRequest, Stats
from sway.suite.loader import spec_from_data
from sway.suite.spec import LoadedSpec

MOST_AT_ONCE = 128
"""Requests that may run or wait; beyond these the server says that it is busy."""
_STATUS = {Stop.GONE: 499, Stop.LATE: 504, Stop.CLOSING: 503}


class Service:
    """The loaded models and the requests that use them."""

    def __init__(self, policy: Policy, *, max_models: int, seconds: float, build: Build = build) -> None:
        """`seconds` is the longest that a request may take."""
        self.policy, self.seconds = policy, seconds
        self.models = Models(max_models, build)
        self.closing = False
        self._jobs: set[Job] = set()
        self.lines = Lines[dict[str, Any]](max_models)
        self._counts: Counter[str] = Counter()
        self._spent = 0.0

    async def run(
        self, asked: RunRequest | ScoreRequest, receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
    ) -> tuple[int, str]:
        """A status and a JSON body: a report, or why there is none. Work stops once `receive` tells of a disconnect."""
        self._counts["requests"] += 1
        if self.closing or len(self._jobs) >= MOST_AT_ONCE:
            self._counts["failed"] += 1
            return 503, _fault(Stop.CLOSING if self.closing else "the server has too many requests; try again later")
        job, start = Job(self.seconds), time.perf_counter()
        self._jobs.add(job)
        watch = asyncio.create_task(_watch(receive, job))
        try:
            loaded = await asyncio.to_thread(self._read, asked)
            report = await self.lines.run(key(loaded), lambda: self._judge(loaded, asked, job), job)
            return 200, self._finished(report, time.perf_counter() - start)
        except asyncio.CancelledError:
            job.stop(Stop.CLOSING)
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is told and the server goes on
            return self._failed(fault)
        finally:
            watch.cancel()
            self._jobs.discard(job)

    def health(self, *, trusted: bool) -> Health:
        """That the server is there; to who has the key also what is loaded."""
        models = [Model.model_validate(m) for m in self.models.names()]
        status = "closing" if self.closing else "ok"
        shown = models if trusted else None
        return Health(status=status, version=__version__, loaded_models=len(models), models=shown)

    def stats(self) -> Stats:
        """What has been done so far."""
        counts, models = self._counts, self.models
        return Stats(
            requests=counts["requests"],
            running=len(self._jobs),
            finished=counts["finished"],
            failed=counts["failed"],
            stopped=counts["stopped"],
            mean_request_seconds=self._spent / counts["finished"] if counts["finished"] else None,
            loads=models.counts["loads"],
            reloads=models.counts["reloads"],
            evictions=models.counts["evictions"],
            max_loaded_models=models.limit,
            models=[Model.model_validate(m) for m in models.names()],
        )

    def stop(self) -> None:
        """Take no more requests, and end those that run at their next step."""
        self.closing = True
        for job in list(self._jobs):
            job.stop(Stop.CLOSING)

    def close(self) -> None:
        """Stop, and let the models go."""
        self.stop()
        self.lines.close()
        self.models.close()

    def _read(self, asked: RunRequest | ScoreRequest) -> LoadedSpec:
        path = self.policy.place(asked.spec_path)
        self.policy.check(asked.spec, path)
        return _seeded(spec_from_data(asked.spec, path=path), asked.seed)

    def _judge(self, loaded: LoadedSpec, asked: RunRequest | ScoreRequest, job: Job) -> dict[str, Any]:
        job.check()
        only = tuple(asked.probe_names) if isinstance(asked, ScoreRequest) else ()
        result = run_suite(loaded, Options(only=only), build=lambda spec, options: self.models.lend(spec, options, job))
        return to_report(result, decide(result)).model_dump(mode="json", by_alias=True)

    def _finished(self, report: dict[str, Any], seconds: float) -> str:
        self._counts["finished"] += 1
        self._spent += seconds
        return json.dumps({**report, "request_seconds": seconds}, allow_nan=False)

    def _failed(self, fault: Exception) -> tuple[int, str]:
        if isinstance(fault, Stopped):
            self._counts["stopped"] += 1
            return _STATUS[fault.why], _fault(fault.why)
        self._counts["failed"] += 1
        if isinstance(fault, SwayError):
            problems = fault.problems if isinstance(fault, SpecError) else [fault]
            return 403 if isinstance(fault, Refused) else 400, _fault(*map(str, problems))
        logging.getLogger("sway.serve").error("a request failed", exc_info=fault)
        return 500, _fault(f"unexpected {type(fault).__name__} (the server's log has more)")


def _seeded(loaded: LoadedSpec, seed: int | None) -> LoadedSpec:
    if seed is None:
        return loaded
    defaults = loaded.spec.defaults.model_copy(update={"seed": seed})
    return replace(loaded, spec=loaded.spec.model_copy(update={"defaults": defaults}))


async def _watch(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], job: Job) -> None:
    """Stop the job when the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    job.stop(Stop.GONE)


def _fault(*problems: str) -> str:
    return Fault(error="; ".join(problems), problems=list(problems)).model_dump_json()
