"""A backend without a model that tells what was done to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sway.backends.dummy import DummyBackend
from sway.backends.interface import Answered
from sway.engine.plan import Options
from sway.suite.spec import LoadedSpec

PROMPTS = [f"prompt {i}" for i in range(9)]
HOLDS = {"name": "changed", "kind": "delta_kl", "prompts": PROMPTS}


def spec(base: str = "b", *suite: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """A spec of a model without weights; different bases answer differently and are different models."""
    model = {"kind": "dummy", "base": base}
    return {
        "version": 1,
        "models": {"base": model, "ft": model},
        "defaults": defaults,
        "suite": list(suite)
        or [{"name": "nulls", "kind": "null_adapter", "runs": 2}, {**HOLDS, "prompts": PROMPTS[:3]}],
    }


class Park:
    """Builds backends and counts: how many are loaded, were loaded, and how often two jobs were in one at once."""

    def __init__(self, *, answer_seconds: float = 0.0, load_seconds: float = 0.0) -> None:
        self.answer_seconds, self.load_seconds = answer_seconds, load_seconds
        self.lock = threading.Lock()
        self.loaded: list[str] = []
        self.now = self.most = self.clashes = self.answers = 0
        self.fault: Exception | None = None

    def __call__(self, loaded: LoadedSpec, options: Options) -> Backend:
        """Load."""
        with self.lock:
            self.loaded.append(loaded.spec.models.base.base)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.load_seconds)
        return Backend(self, loaded)


class Backend(DummyBackend):
    """Answers as its base's name decides."""

    def __init__(self, park: Park, loaded: LoadedSpec) -> None:
        super().__init__(
            loaded.spec.models.base, loaded.spec.models.ft, effect=1 + len(loaded.spec.models.base.base) / 9
        )
        self.park, self.inside, self.closed = park, 0, False

    def answer(self, requests: Sequence[Any]) -> Iterator[Answered]:
        """Answer slowly, and notice company."""
        assert not self.closed
        self.inside += 1
        self.park.clashes += self.inside > 1
        try:
            for found in super().answer(requests):
                if self.park.fault:
                    raise self.park.fault
                time.sleep(self.park.answer_seconds)
                self.park.answers += 1
                yield found
        finally:
            self.inside -= 1

    def close(self) -> None:
        """Count down."""
        assert not self.closed
        self.closed = True
        with self.park.lock:
            self.park.now -= 1
