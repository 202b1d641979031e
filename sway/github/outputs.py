"""What the job hands on: single lines that are enumerated or checked, and a summary that the runner does not drop."""

from __future__ import annotations

import re
from pathlib import Path

import click

from sway.core.errors import SwayError
from sway.core.text import printable
from sway.engine.score import band
from sway.github.outcome import Outcome
from sway.github.pages import Place, job_summary
from sway.github.settings import Settings

SUMMARY_LIMIT = 1 << 20
"""Bytes of a step's summary; the runner drops a larger one whole."""
_PATH = re.compile(r"[\w./\\: +@,=-]{1,1000}")


def say(text: str, kind: str = "") -> None:
    """One line on standard output. `kind` (`notice`, `warning`, `error`) has the runner show it beside the run."""
    shown = printable(text, 1000)
    click.echo(f"::{kind}::{shown.replace('%', '%25')}" if kind else shown)


def values(outcome: Outcome, settings: Settings) -> dict[str, str]:
    """The outputs by name."""
    score, regressed = outcome.score, outcome.regressed
    return {
        "verdict": str(outcome.verdict),
        "sway-score": "" if score is None else f"{score:.4f}",
        "band": "" if score is None else band(score),
        "passed": _said(outcome.passed),
        "regressed": "unknown" if regressed is None else _said(regressed),
        "report-path": _path(settings.wanted.report_path),
    }


def write_outputs(outcome: Outcome, settings: Settings) -> None:
    """Append the outputs to the runner's file.

    Raises:
        SwayError: it cannot be written.
    """
    if settings.output is None:
        return
    lines = [f"{name}={value}\n" for name, value in values(outcome, settings).items()]
    _append(settings.output, "".join(lines), "GITHUB_OUTPUT")


def write_summary(outcome: Outcome, place: Place, settings: Settings) -> None:
    """Append the job's summary, as long as there is room for beside what other steps wrote.

    Raises:
        SwayError: it cannot be written.
    """
    if settings.summary is None:
        return
    used = settings.summary.stat().st_size if settings.summary.is_file() else 0
    text = job_summary(outcome, place, max(SUMMARY_LIMIT - used - 4096, 0))
    if text:
        _append(settings.summary, f"\n{text}\n", "GITHUB_STEP_SUMMARY")
    else:
        say(
            "The job's summary has no room left; the report is in the comment and in the reports themselves.", "warning"
        )


def _append(path: Path, text: str, where: str) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as fault:
        raise SwayError(f"cannot be written: {fault.strerror or fault}", where=where) from None


def _said(value: bool) -> str:
    return "true" if value else "false"


def _path(path: str) -> str:
    """A path that is one plain line; any other is left out."""
    return path if _PATH.fullmatch(path) and "::" not in path else ""
