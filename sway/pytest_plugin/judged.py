"""Judges a suite once a session, however many processes share the session.

What the items need to know crosses processes as JSON; a lock that dies with its owner decides who runs the suite.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sway.pytest_plugin.marker import Settings

if TYPE_CHECKING:  # collecting tests must not wait for the engine
    from sway.report.summary import Row


@dataclass(frozen=True)
class Judged:
    """A suite's outcome in the words of its report: `rows` by probe, the gate's verdict and its reasons.

    `fault` is why there is no outcome at all, in one line a fault.
    """

    rows: Mapping[str, Mapping[str, Any]]
    verdict: str = "error"
    opened: bool = False
    headline: str = ""
    score: str = ""
    reasons: tuple[str, ...] = ()
    fault: str = ""


def judge_once(spec: Path, settings: Settings, only: tuple[str, ...], shared: Path | None) -> Judged:
    """The outcome of a suite; `shared` is a folder of this session where other processes find it too."""
    if shared is None:
        return _judge(spec, settings, only)
    from filelock import FileLock

    name = hashlib.sha256(repr((str(spec), settings, only)).encode()).hexdigest()[:32]
    shared.mkdir(parents=True, exist_ok=True)
    kept = shared / f"{name}.json"
    with FileLock(shared / f"{name}.lock"):
        if not kept.exists():
            half = kept.with_suffix(".tmp")
            half.write_text(json.dumps(asdict(_judge(spec, settings, only))), encoding="utf-8")
            half.replace(kept)
    return Judged(**json.loads(kept.read_text(encoding="utf-8")))


def _judge(spec: Path, settings: Settings, only: tuple[str, ...]) -> Judged:
    from sway.core.errors import SwayError
    from sway.engine.build import build
    from sway.engine.gate import decide
    from sway.engine.plan import Options
    from sway.engine.run import run_suite
    from sway.report.json_report import to_report
    from sway.report.summary import summarize
    from sway.suite.loader import load_spec

    try:
        result = run_suite(load_spec(spec), Options(only=only, weights=dict(settings.weights)), build=build)
    except SwayError as fault:
        return Judged({}, fault=str(fault))
    except Exception as fault:  # noqa: BLE001 - a fault of ours too is one outcome, told by every item and never retried
        return Judged({}, fault=f"unexpected {type(fault).__name__}: {fault}\n{traceback.format_exc()}")
    decision = decide(result, threshold=settings.threshold)
    summary = summarize(to_report(result, decision))
    rows = {row.name: _row(row) for row in summary.rows}
    opened = decision.exit == 0
    return Judged(rows, str(summary.verdict), opened, summary.headline, summary.score, summary.reasons)


def _row(row: Row) -> dict[str, str | bool]:
    """What an item says of its probe."""
    texts = {
        "name": row.name,
        "message": row.message,
        "measured": row.measured,
        "advice": " ".join(a.do for a in row.advice),
    }
    return {**texts, "verdict": str(row.verdict), "required": row.required}


def probe_names(spec: Path) -> list[str]:
    """The names of a suite's probes, in the order of the file. Raises `SwayError` if it cannot be read."""
    from sway.suite.loader import load_spec

    return [entry.name for entry in load_spec(spec).spec.suite]
