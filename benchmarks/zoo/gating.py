"""One gate over one adapter of the zoo, as `sway gate` judges it, in a process that keeps its base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sway.backends.shelf import Shelf
from sway.core.errors import SwayError
from sway.core.exits import Exit
from sway.core.results import ProbeResult, SuiteResult
from sway.core.verdicts import Verdict
from sway.engine.build import build
from sway.engine.gate import decide
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.suite.loader import spec_from_data

_SHELF: Shelf[Any] = Shelf()


@dataclass(frozen=True)
class Row:
    """One probe's verdict with its numbers: `nulls` are each random adapter's statistic, `ratio` paraphrases' part."""

    verdict: str
    required: bool
    raw: float | None
    p: float | None
    message: str
    nulls: tuple[float, ...] = ()
    ratio: float | None = None


@dataclass(frozen=True)
class Gated:
    """What the gate said of an adapter: its exit code, why, and each probe's row by name."""

    exit: int
    reasons: tuple[str, ...]
    rows: dict[str, Row]

    def named(self, *verdicts: str, required: bool = True) -> list[str]:
        """The probes with one of the verdicts."""
        return [n for n, row in self.rows.items() if row.verdict in verdicts and row.required is required]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def read(found: Mapping[str, Any]) -> Gated:
    """What `Gated.document` wrote."""
    rows = {name: Row(**row) for name, row in found["rows"].items()}
    return Gated(found["exit"], tuple(found["reasons"]), rows)


def gated(spec: Mapping[str, Any], place: Path) -> Gated:
    """Gate an adapter by a spec that need not be a file, as if it lay in the folder `place`."""
    try:
        loaded = spec_from_data(spec, path=place / "sway.yaml")
        result = run_suite(loaded, Options(threads=1), build=partial(build, shelf=_SHELF))
    except SwayError as fault:
        return Gated(int(Exit.USAGE), (str(fault),), {})
    decision = decide(result)
    return Gated(int(decision.exit), decision.reasons, _rows(result))


def _rows(result: SuiteResult) -> dict[str, Row]:
    return {p.name: _row(p) for p in result.probes if p.verdict is not Verdict.SKIP or p.required}


def _row(p: ProbeResult) -> Row:
    nulls, ratio = p.null.raw if p.null else (), p.evidence.get("generalization_ratio")
    return Row(str(p.verdict), p.required, p.raw, p.p_value, p.message, nulls, ratio)
