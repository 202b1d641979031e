"""The formats that a report can be written in, all from one view-model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from sway.report.json_report import render
from sway.report.pages import html, junit, markdown
from sway.report.records import Report
from sway.report.sarif import sarif
from sway.report.summary import summarize

PLAIN_WIDTH = 120


def terminal(report: Report) -> str:
    """What a terminal that is 120 columns wide shows, without color."""
    from rich.console import Console

    from sway.report.terminal import show

    out = io.StringIO()
    show(summarize(report), Console(file=out, width=PLAIN_WIDTH, markup=False, emoji=False, highlight=False))
    return out.getvalue()


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": terminal,
    "json": render,
    "junit": lambda report: junit(summarize(report)),
    "markdown": lambda report: markdown(summarize(report)),
    "html": lambda report: html(summarize(report)),
    "sarif": lambda report: sarif(summarize(report)),
}
