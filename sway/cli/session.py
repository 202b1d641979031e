"""What the commands that run a suite share: options, progress, reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from sway.backends.shelf import Shelf
from sway.cli.console import console, is_terminal
from sway.cli.options import Size
from sway.cli.output import check_target
from sway.cli.reports import Outputs, reporting
from sway.core import folders
from sway.core.errors import SwayError
from sway.core.results import SuiteResult
from sway.core.trace import Tracer, trace_to
from sway.engine.build import build
from sway.engine.gate import Decision, FailOn, decide
from sway.engine.kept import Ledger
from sway.engine.plan import Options
from sway.engine.progress import Progress as EngineProgress
from sway.engine.run import run_suite
from sway.report.json_report import to_report
from sway.report.summary import summarize
from sway.report.terminal import show
from sway.suite.spec import LoadedSpec

Command = TypeVar("Command", bound=Callable[..., object])
JUDGING = (
    click.option("--weights", default="", metavar="K=V,...", help="Category weights, merged with the spec's."),
    click.option("--thorough", is_flag=True, help="99 nulls in place of 19, where the spec does not say."),
    click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: physical cores."),
    click.option("--memory", type=Size(), metavar="SIZE", help="Most memory for the model and its batches, as 4GB."),
    click.option("--trace", type=click.Path(path_type=Path), help="Write a line a batch here; see: sway trace."),
)


def tracer(path: Path | None, *inputs: Path) -> Tracer | None:
    """What writes the trace of this command, if one is asked for; its file is closed with the command."""
    if path is None:
        return None
    check_target(path, *inputs)
    return click.get_current_context().with_resource(trace_to(path))


def judging(command: Command) -> Command:
    """The options of every command that judges."""
    command = reporting(command)
    for option in reversed(JUDGING):
        command = option(command)
    return command


def parse_weights(text: str) -> dict[str, float]:
    """`k=v,k=v` as a mapping.

    Raises:
        SwayError: a part is not `name=number`.
    """
    weights = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            mend = "write for example adherence=0.3,ablation=0.1"
            raise SwayError(f"{part!r} is not name=number", where="--weights", mend=mend) from None
    return weights


def judge_spec(
    loaded: LoadedSpec,
    options: Options,
    *,
    threshold: float = 0.0,
    fail_on: FailOn = FailOn.FAIL,
    outputs: Outputs | None = None,
    shelf: Shelf[Any] | None = None,
    ledger: Ledger | None = None,
) -> tuple[SuiteResult, Decision]:
    """Run the suite with progress shown, and decide. An output that cannot be written is refused first.

    Commands of several runs give the `shelf` that keeps their base and the `ledger` that keeps their answers.
    """
    if outputs is not None:
        outputs.check()
    ledger = ledger or Ledger(folders.kept_answers())
    with shown_progress() as progress:
        make = partial(build, shelf=shelf)
        result = run_suite(loaded, options, build=make, progress=progress, ledger=ledger)
    return result, decide(result, threshold=threshold, fail_on=fail_on)


def report(result: SuiteResult, decision: Decision, outputs: Outputs | None = None) -> None:
    """Write the reports that were asked for, then print: a reader of the print may leave early."""
    made = to_report(result, decision)
    if outputs is not None:
        outputs.write(made)
    show(summarize(made), console())


@contextmanager
def shown_progress() -> Iterator[EngineProgress]:
    """Progress on standard error: a live bar on a terminal, a line a stage elsewhere."""
    if not is_terminal(sys.stderr):
        yield Lines()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        yield Bar(bar)


class Lines:
    """One line a stage."""

    def stage(self, text: str) -> None:
        """Print it."""
        click.echo(f"sway: {text}", err=True)

    def advance(self, done: int, total: int) -> None:
        """Say nothing: logs keep every line."""


class Bar:
    """One live bar a stage."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.task: TaskID | None = None

    def stage(self, text: str) -> None:
        """Replace the bar."""
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task(text, total=None)

    def advance(self, done: int, total: int) -> None:
        """Move the bar."""
        if self.task is not None:
            self.bar.update(self.task, completed=done, total=total)
