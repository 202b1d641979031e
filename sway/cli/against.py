"""A run beside a baseline: what `run`, `gate` and `diff` share with `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sway.cli.console import console
from sway.core.errors import SwayError
from sway.core.results import SuiteResult
from sway.engine.compare import SHARE, Comparison, Side, compare
from sway.report.comparison import show_comparison

fail_on_regression = click.option(
    "--fail-on-regression",
    "share",
    type=click.FloatRange(0, 1, min_open=True),
    is_flag=False,
    flag_value=SHARE,
    metavar="[SHARE]",
    help=f"Exit 1 where a required probe is worse by SHARE of its bar ({SHARE}), 3 where it cannot be compared.",
)
baseline = click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="REPORT", help="Also compare with this JSON report."
)


def check_shared(before: Side | None, kinds: Sequence[str]) -> None:
    """Raise `SwayError` if a suite of these kinds of probe has none in common with the baseline."""
    if before is not None and not {p.kind for p in before.probes} & set(kinds):
        raise _nothing(before, "it has no probe of a kind that this suite has")


def held_against(before: Side, result: SuiteResult, share: float | None) -> Comparison:
    """The comparison of a run that has just ended with a baseline."""
    return compare(before, Side.of(result), share=share or SHARE)


def checked(found: Comparison) -> Comparison:
    """The comparison.

    Raises:
        SwayError: nothing in the two could be compared.
    """
    if not found.comparable:
        whys = list(dict.fromkeys(row.why for row in found.rows if row.why)) or ["it holds no measured probe"]
        raise _nothing(found.before, f"against {found.after.name}: {'; '.join(whys[:3])}")
    return found


def _nothing(before: Side, why: str) -> SwayError:
    mend = "give a report of this suite, written by this version of sway"
    return SwayError(f"nothing in it can be compared: {why}", where=before.name, mend=mend)


def show_against(found: Comparison) -> None:
    """Print the comparison below the report."""
    show_comparison(found, console())
