"""The standard suite in batches: what it took and was asked, as a whole and by kind of work."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.standard import Overheard, standard
from sway.core.requests import Embed, Request, SpanLogprob
from sway.core.results import Cost
from sway.core.trace import Batch
from sway.engine.plan import Options
from sway.engine.run import run_suite


def peak() -> float:
    """The most memory that this process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


@dataclass(frozen=True)
class Whole:
    """The standard suite: what it took, by kind of work, and what it was asked."""

    spent: float
    wall: float
    said: dict[Request[Any], Any]
    batches: list[Batch]
    peak: float
    probes: Mapping[str, Cost]

    @classmethod
    def run(cls, hf: Any, base: Path, adapter: Path, count: int) -> Whole:
        """Run the standard suite with `count` nulls on a backend that shows `base` and `adapter`."""
        batches: list[Batch] = []
        backend = Overheard(hf.traced(batches.append))
        spec = standard(base, adapter, count)
        start, wall = time.process_time(), time.perf_counter()
        result = run_suite(spec, Options(), build=lambda *_: backend)
        spent, wall = time.process_time() - start, time.perf_counter() - wall
        hf.traced(None)
        said = {q: a for q, a in backend.said.items() if not isinstance(q, Embed)}
        return cls(spent, wall, said, batches, peak(), result.backend.by_probe if result.backend else {})

    def profile(self) -> list[str]:
        """Where the time went."""
        took, tokens = defaultdict[str, float](float), defaultdict[str, int](int)
        for batch in self.batches:
            took[batch.kind] += batch.cpu_seconds
            tokens[batch.kind] += batch.tokens
        rest = self.spent - sum(took.values())
        names = {"score": "scoring", "write": "writing"}
        rows = [f"| {name} | {took[kind]:.1f} | {tokens[kind]} tokens |" for kind, name in names.items()]
        last = f"| all else: probes, intervals, sentence embeddings, the judge | {rest:.1f} | |"
        dear = sorted(self.probes.items(), key=lambda item: -item[1].cpu_seconds)
        asked = [f"| {name} | {cost.cpu_seconds:.1f} | {cost.forward_passes:.1f} |" for name, cost in dear]
        by_probe = ["| probe, with its nulls | CPU-s | forward passes |", "|---|---|---|", *asked]
        return ["| work | CPU-s | |", "|---|---|---|", *rows, last, "", *by_probe]


def recitals(hf: Any, base: Path, adapter: Path) -> list[Request[Any]]:
    """What leakage asks in the standard suite."""
    backend = Overheard(hf)
    run_suite(standard(base, adapter, only="leakage"), Options(nulls=False), build=lambda *_: backend)
    return [request for request in backend.said if isinstance(request, SpanLogprob)]
