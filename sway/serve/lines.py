"""Who works when: a line for each model, and as many at work at a time as models may be loaded.

Only the few threads here ever run a model, since each thread that does keeps memory of its own. Requests for one
model follow each other while it is loaded, a bounded number of times, so that lines do not take turns at loading.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sway.serve.job import Job

T = TypeVar("T")
IN_A_ROW = 8
_LOOK_AGAIN = 0.1
"""Seconds after which one who waits looks whether it must stop."""


@dataclass(eq=False)
class _Place(Generic[T]):
    """A place in a line: what to do, and where its outcome is awaited."""

    work: Callable[[], T]
    outcome: asyncio.Future[T]
    started: bool = False


@dataclass
class Lines(Generic[T]):
    """Lines of work in front of `width` threads. All methods are for one event loop."""

    width: int
    _waiting: dict[str, deque[_Place[T]]] = field(default_factory=dict)
    _runners: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.width, "sway-suite")
        self._free = asyncio.Semaphore(self.width)

    async def run(self, name: str, work: Callable[[], T], job: Job) -> T:
        """What `work` returns, called in its turn in the line of that name.

        Raises:
            Stopped: the job must end before its turn has come.
        """
        place = _Place(work, asyncio.get_running_loop().create_future())
        if name not in self._waiting:
            self._waiting[name] = deque()
            runner = asyncio.create_task(self._serve(name))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        self._waiting[name].append(place)
        try:
            while not (await asyncio.wait({place.outcome}, timeout=_LOOK_AGAIN))[0]:
                if not place.started:
                    job.check()
            found: T = place.outcome.result()
            return found
        finally:
            place.outcome.cancel()  # who left the line is passed over

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, name: str) -> None:
        """Serve a line until it is empty, letting others go between every few."""
        line = self._waiting[name]
        while line:
            async with self._free:
                for _ in range(min(IN_A_ROW, len(line))):
                    await self._do(line.popleft())
        del self._waiting[name]

    async def _do(self, place: _Place[T]) -> None:
        if place.outcome.done():
            return
        place.started = True
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, place.work)
        except Exception as fault:  # noqa: BLE001 - it belongs to who asked for the work
            if not place.outcome.done():
                place.outcome.set_exception(fault)
        else:
            if not place.outcome.done():
                place.outcome.set_result(found)
