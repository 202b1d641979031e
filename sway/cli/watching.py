"""What `sway watch` judges with: this process, or a server that keeps models loaded."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from sway.core.errors import SwayError
from sway.suite.files import read_text
from sway.suite.loader import MAX_BYTES, spec_from_data
from sway.suite.problems import Problems
from sway.suite.resolve import expand
from sway.suite.spec import LoadedSpec
from sway.suite.yamltree import parse
from sway.watch.follow import Followed, follow
from sway.watch.loop import Judge, Outcome


def followed_by(spec: Path) -> Followed:
    """What a spec's adapter is followed by.

    Raises:
        SwayError: the spec cannot be read, or names no adapter.
    """
    place = (expand(str(spec)) or spec).absolute()
    return follow(_data(place, str(spec)), place)


def load_for(spec: Path, adapter: Path) -> LoadedSpec:
    """The spec as it stands now, for another adapter.

    Raises:
        SpecError: with every fault.
    """
    data = _data(spec, str(spec))
    data["models"]["ft"]["adapter"] = str(adapter)
    return spec_from_data(data, path=spec)


def _data(spec: Path, shown: str) -> dict[str, Any]:
    data = parse(read_text(spec, shown=shown, limit=MAX_BYTES, role="spec"), problems := Problems(shown)).data
    problems.raise_any()
    if not isinstance(data, dict):
        problems.stop("a spec is a mapping with the keys version, models and suite", "1")
    follow(data, spec)
    return data


def judge_here(spec: Path, threads: int | None) -> Judge:
    """Load the model for each version, judge, and let it go."""

    def judge(adapter: Path, result: Path) -> Outcome:
        from sway.cli.output import write_atomically
        from sway.cli.session import judge_spec
        from sway.engine.plan import Options
        from sway.report.json_report import render, to_report

        found, decision = judge_spec(load_for(spec, adapter), Options(threads=threads))
        write_atomically(result, render(to_report(found, decision)))
        return _outcome(decision.verdict, int(decision.exit), found.score.overall, decision.reasons)

    return judge


def judge_there(spec: Path, url: str) -> Judge:
    """Send each version's spec to a server."""
    client = import_module("sway.serve.client").ServeClient(url)

    def judge(adapter: Path, result: Path) -> Outcome:
        from sway.cli.output import write_atomically

        report = client.run(load_for(spec, adapter))
        report.pop("request_seconds", None)
        try:
            gate, overall = report["gate"], report["score"]["overall"]
            made = _outcome(gate["verdict"], gate["exit_code"], overall, tuple(map(str, gate["reasons"])))
        except (KeyError, TypeError) as fault:
            raise SwayError(f"gave no report of sway: {fault!r}", where=url, mend="upgrade the server") from None
        write_atomically(result, json.dumps(report, indent=2) + "\n")
        return made

    return judge


def _outcome(verdict: object, code: object, overall: float | None, reasons: tuple[str, ...]) -> Outcome:
    score = f"{overall:.2f}" if overall is not None else "none"
    return Outcome(code == 0, f"{str(verdict).upper():5}  score {score}", reasons)
