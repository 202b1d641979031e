"""The report's charts as PNG files, for papers and slides. Needs the `viz` extra."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sway.core.errors import SwayError, require
from sway.core.text import printable
from sway.report.charts import Bars, Chart, Curve, Spread
from sway.report.records import Report
from sway.report.summary import summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE, DPI = (6.4, 4.0), 150


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Write a PNG a chart, named by the probe's place and kind.

    Raises:
        MissingExtraError: matplotlib is not installed.
        SwayError: a file cannot be written.
    """
    require("viz", "matplotlib")
    written = []
    for place, row in enumerate(summarize(report).rows, 1):
        kind = re.sub(r"[^a-z0-9_]", "", row.kind)[:60] or "probe"
        for number, chart in enumerate(row.charts, 1):
            path = folder / f"{place:02d}-{kind}-{number}.png"
            _write(chart, path, printable(row.name, 80))
            written.append(path)
    return written


def _write(chart: Chart, path: Path, name: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"{name}: {chart.title}", loc="left", fontsize=11, parse_math=False)
    _draw(axes, chart)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a character that the font lacks is drawn as a box
            figure.savefig(path, format="png", metadata={"Software": "sway"})
    except OSError as fault:
        raise SwayError(f"cannot be written: {fault.strerror}", where=str(path)[:200], mend="choose another") from None


def _draw(axes: Axes, chart: Chart) -> None:
    plain: dict[str, Any] = {"parse_math": False}
    match chart:
        case Curve():
            axes.plot(*zip(*chart.points, strict=True), marker="o" if chart.marks else "")
            for rule in chart.rules:
                (axes.axhline if rule.level else axes.axvline)(rule.at, linestyle="--", color="tab:orange")
            axes.set_xlabel(chart.x, **plain)
            axes.set_ylabel(chart.y, **plain)
        case Bars():
            places = range(len(chart.bars))
            axes.barh(places, [value for _, value in chart.bars])
            axes.set_yticks(places, [printable(label, 40) for label, _ in chart.bars], fontsize=8, **plain)
            axes.invert_yaxis()
            axes.set_xlabel(printable(chart.y, 60), **plain)
            if chart.rule:
                axes.axvline(chart.rule.at, linestyle="--", color="tab:orange")
        case Spread():
            axes.hist(chart.nulls, bins="auto", color="tab:gray", label="random adapters")
            axes.axvline(chart.observed, color="tab:purple", label="this adapter")
            axes.set_xlabel(printable(chart.x, 60), **plain)
            axes.set_ylabel(chart.y, **plain)
            axes.legend()
