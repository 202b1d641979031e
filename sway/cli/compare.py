"""`sway compare`: is a run worse than another? And what `run`, `gate` and `diff` share with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from sway.cli.console import console
from sway.core.errors import SwayError
from sway.core.exits import Exit
from sway.engine.compare import SHARE, Comparison, Side, compare
from sway.report.baseline import read_side
from sway.report.comparison import as_json, markdown, show_comparison

Command = TypeVar("Command", bound=Callable[..., object])

fail_on_regression = click.option(
    "--fail-on-regression",
    "share",
    type=click.FloatRange(0, 1, min_open=True),
    is_flag=False,
    flag_value=SHARE,
    metavar="[SHARE]",
    help=f"Exit 1 where a required probe is worse, and 3 where it cannot be compared. SHARE of the bar counts ({SHARE}).",
)
baseline = click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="REPORT", help="Also compare with this JSON report."
)


def checked(found: Comparison, path: Path) -> Comparison:
    """The comparison, unless nothing in it could be compared: then `SwayError`."""
    if not found.comparable:
        whys = list(dict.fromkeys(row.why for row in found.rows if row.why)) or ["it holds no measured probe"]
        what = f"nothing in it can be compared with {found.after.name}: {'; '.join(whys[:3])}"
        raise SwayError(what, where=str(path), mend="compare reports of one suite, written by this version of sway")
    return found


@click.command(name="compare", short_help="Is a run worse than another? From their JSON reports.")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BASELINE REPORT...")
@click.option("--format", "form", type=click.Choice(["terminal", "md", "json"]), default="terminal", show_default=True)
@fail_on_regression
def compare_reports(reports: Sequence[Path], form: str, share: float | None) -> None:
    """Hold each REPORT against BASELINE, question by question. Exits 0 unless --fail-on-regression says otherwise.

    Exits 2 where a report cannot be read, or nothing in it was asked in the baseline.
    """
    if len(reports) < 2:
        raise SwayError("two reports or more are needed", mend="write: sway compare baseline.json new.json")
    first, *others = [read_side(path) for path in reports]
    found = [
        checked(compare(first, other, share=share or SHARE), reports[0]) for other in others
    ]
    if form == "json":
        click.echo(as_json(found), nl=False)
    elif form == "md":
        click.echo("\n".join(map(markdown, found)), nl=False)
    else:
        for each in found:
            show_comparison(each, console())
    click.get_current_context().exit(int(worst([each.exit() for each in found]) if share else Exit.PASS))


def worst(exits: Sequence[Exit]) -> Exit:
    """One exit code for several judgements: 2 over 1 over 3 over 0.

    Unusable input comes first, since it is to be mended before anything else is read. A failure is final,
    whatever could not be judged beside it, as among the probes of one suite.
    """
    order = (Exit.INTERRUPTED, Exit.USAGE, Exit.GATE_FAILED, Exit.NO_VERDICT)
    return next((code for code in order if code in exits), Exit.PASS if exits else Exit.NO_VERDICT)
