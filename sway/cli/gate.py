"""`sway gate`: one exit code for a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sway.backends.shelf import Shelf
from sway.cli.against import baseline, check_shared, checked, fail_on_regression, held_against, show_against
from sway.cli.inputs import made_from
from sway.cli.options import a_number
from sway.cli.reports import Outputs, outputs
from sway.cli.session import judge_spec, judging, parse_weights, report, tracer
from sway.cli.several import Judged, judged_in_turn, load_all, names, place, show_all
from sway.core import folders
from sway.core.errors import SwayError
from sway.core.exits import Exit, worst
from sway.core.results import SuiteResult
from sway.engine.compare import Side
from sway.engine.gate import Decision, FailOn
from sway.engine.kept import Ledger
from sway.engine.plan import Options
from sway.report.baseline import read_side
from sway.report.comparison import settle
from sway.suite.spec import LoadedSpec


@click.command(short_help="Pass or fail, as an exit code.")
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC...")
@judging
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    callback=a_number,
    help="Least composite score.",
)
@click.option(
    "--fail-on", type=click.Choice([f.value for f in FailOn]), default="fail", show_default=True, help="What closes it."
)
@baseline
@fail_on_regression
def gate(
    specs: Sequence[Path],
    weights: str,
    thorough: bool,
    threads: int | None,
    memory: int | None,
    trace: Path | None,
    threshold: float,
    fail_on: str,
    baseline: Path | None,
    share: float | None,
    **paths: Path | None,
) -> None:
    """Judge SPEC and exit 0 (pass), 1 (failed), 2 (unusable input) or 3 (no verdict possible).

    A probe that is required and could not be measured never lets the gate pass. Several specs share a base that is
    loaded once, and the exit code is the gravest of theirs: 2, then 1, then 3. The paths of their reports and of
    --baseline name a folder, or have {name} in them for the spec's name.
    """
    if share is not None and baseline is None:
        raise SwayError("there is nothing to regress from", where="--fail-on-regression", mend="give --baseline")
    chosen, loaded = parse_weights(weights), load_all(specs)
    labels, several = names(loaded), len(specs) > 1
    baselines = [place(baseline, label, ".json", several=several) for label in labels]
    inputs = made_from(loaded, baselines)
    told, wanted = tracer(trace, *inputs), outputs(paths, inputs)
    options = Options(weights=chosen, thorough=thorough, threads=threads, tracer=told, memory=memory)
    jobs = [
        _Job(spec, label, wanted.placed(label) if several else wanted, _before(before, spec))
        for spec, label, before in zip(loaded, labels, baselines, strict=True)
    ]
    rules = _Rules(options, threshold, FailOn(fail_on), share)
    if len(jobs) == 1:
        decision, _ = _judge(jobs[0], rules, None, None)
        click.get_current_context().exit(int(decision.exit))
    click.get_current_context().exit(int(_gate_all(jobs, rules)))


@dataclass(frozen=True)
class _Job:
    """One spec to judge, where its reports go, and what it is held against."""

    spec: LoadedSpec
    label: str
    outputs: Outputs
    before: Side | None


@dataclass(frozen=True)
class _Rules:
    """What closes the gate."""

    options: Options
    threshold: float
    fail_on: FailOn
    share: float | None


def _before(path: Path | None, loaded: LoadedSpec) -> Side | None:
    before = read_side(path) if path else None
    check_shared(before, [entry.kind for entry in loaded.spec.suite])
    return before


def _judge(job: _Job, rules: _Rules, shelf: Shelf[Any] | None, ledger: Ledger | None) -> tuple[Decision, SuiteResult]:
    """Judge one spec, write its report and print it."""
    result, decision = judge_spec(
        job.spec,
        rules.options,
        threshold=rules.threshold,
        fail_on=rules.fail_on,
        outputs=job.outputs,
        shelf=shelf,
        ledger=ledger,
    )
    found = held_against(job.before, result, rules.share) if job.before else None
    if found and found.comparable and rules.share:
        decision = settle(decision, found)
    report(result, decision, job.outputs)
    if found:
        show_against(checked(found))
    return decision, result


def _gate_all(jobs: Sequence[_Job], rules: _Rules) -> Exit:
    """Judge every spec, and end with a table of them all."""
    shelf: Shelf[Any] = Shelf()
    ledger = Ledger(folders.kept_answers(), hold=True)
    for job in jobs:
        job.outputs.check()

    def judge(i: int) -> Judged:
        decision, result = _judge(jobs[i], rules, shelf, ledger)
        why = "; ".join(decision.reasons)
        return Judged(jobs[i].label, result.spec_path, decision.verdict, decision.exit, result.score.overall, why)

    outcomes = judged_in_turn([job.spec for job in jobs], [job.label for job in jobs], judge)
    ledger.close()
    show_all(outcomes)
    return worst(each.exit for each in outcomes)
