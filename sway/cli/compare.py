"""`sway compare`: is a run worse than another? From their JSON reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sway.cli.against import checked, fail_on_regression
from sway.cli.console import console
from sway.core.errors import SwayError
from sway.core.exits import Exit, worst
from sway.engine.compare import SHARE, Comparison, compare
from sway.report.baseline import read_side
from sway.report.comparison import as_json, markdown, show_comparison

form = click.option(
    "--format", "form", type=click.Choice(["terminal", "md", "json"]), default="terminal", show_default=True
)


@click.command(name="compare", short_help="Is a run worse than another? From their JSON reports.")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BASELINE REPORT...")
@form
@fail_on_regression
def compare_reports(reports: Sequence[Path], form: str, share: float | None) -> None:
    """Hold each REPORT against BASELINE, question by question.

    Exits 0 whatever is found, unless --fail-on-regression is given; 2 where a report cannot be read, or nothing in
    it was asked in the baseline too.
    """
    if len(reports) < 2:
        raise SwayError("two reports or more are needed", mend="write: sway compare baseline.json new.json")
    first, *others = [read_side(path) for path in reports]
    found = [checked(compare(first, other, share=share or SHARE)) for other in others]
    show_comparisons(found, form)
    click.get_current_context().exit(int(worst(each.exit() for each in found) if share else Exit.PASS))


def show_comparisons(found: Sequence[Comparison], form: str) -> None:
    """Print comparisons in one of the forms that `--format` offers."""
    if form == "json":
        click.echo(as_json(found), nl=False)
    elif form == "md":
        click.echo("\n".join(map(markdown, found)), nl=False)
    else:
        for each in found:
            show_comparison(each, console())
