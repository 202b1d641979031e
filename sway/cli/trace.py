"""`sway trace`: where a run's time went, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich import box
from rich.table import Table

from sway.cli.console import console
from sway.core.trace import Batch, read_trace

NAMES = {"score": "scoring", "write": "writing"}


@click.command(short_help="Where a run's time went, batch by batch.")
@click.argument("trace", type=click.Path(path_type=Path), metavar="JSONL")
@click.option("--slowest", type=click.IntRange(min=0), default=10, show_default=True, help="Batches to list.")
def trace(trace: Path, slowest: int) -> None:
    """Sum up JSONL, which run or gate wrote with --trace, and list its slowest batches."""
    batches = read_trace(trace)
    show = console()
    show.print(_summary(batches))
    if slowest:
        show.print(_slowest(batches, slowest))


def _summary(batches: Sequence[Batch]) -> Table:
    """A row for each kind of batch, by the width of its rows."""
    table = Table("kind", box=box.SIMPLE_HEAD, title="By kind and width", title_justify="left")
    for name in ("width", "batches", "rows", "tokens", "seconds", "share", "tokens/s"):
        table.add_column(name, justify="right")
    whole = sum(b.seconds for b in batches) or 1.0
    groups = sorted({(b.kind, b.width) for b in batches})
    for kind, width in groups:
        of = [b for b in batches if (b.kind, b.width) == (kind, width)]
        table.add_row(NAMES[kind], str(width), str(len(of)), *_sums(of, whole), end_section=(kind, width) == groups[-1])
    table.add_row("all", "", str(len(batches)), *_sums(batches, whole))
    return table


def _sums(batches: Sequence[Batch], whole: float) -> tuple[str, ...]:
    seconds, tokens = sum(b.seconds for b in batches), sum(b.tokens for b in batches)
    rate = f"{tokens / seconds:,.0f}" if seconds else ""
    return f"{sum(b.rows for b in batches):,}", f"{tokens:,}", f"{seconds:.2f}", f"{seconds / whole:.0%}", rate


def _slowest(batches: Sequence[Batch], count: int) -> Table:
    table = Table("batch", "kind", box=box.SIMPLE_HEAD, title="Slowest", title_justify="left")
    for name in ("width", "rows", "base", "tuned", "partial", "null", "passes", "tokens", "seconds"):
        table.add_column(name, justify="right")
    for b in sorted(batches, key=lambda b: (-b.seconds, b.number))[:count]:
        views = (str(b.views.get(view, 0)) for view in ("base", "tuned", "partial", "null"))
        cost = (str(b.forward_passes), f"{b.tokens:,}", f"{b.seconds:.3f}")
        table.add_row(str(b.number), NAMES[b.kind], str(b.width), str(b.rows), *views, *cost)
    return table
