"""`sway gate`: one exit code for a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from sway.cli.options import a_number
from sway.cli.session import judge_spec, judging, parse_weights, report
from sway.engine.gate import FailOn
from sway.engine.plan import Options
from sway.suite.loader import load_spec


@click.command(short_help="Pass or fail, as an exit code.")
@click.argument("spec", type=click.Path(path_type=Path))
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
def gate(
    spec: Path,
    weights: str,
    thorough: bool,
    threads: int | None,
    json_path: Path | None,
    threshold: float,
    fail_on: str,
) -> None:
    """Judge SPEC and exit 0 (pass), 1 (failed), 2 (unusable input) or 3 (no verdict possible).

    A probe that is required and could not be measured never lets the gate pass.
    """
    options = Options(weights=parse_weights(weights), thorough=thorough, threads=threads)
    result, decision = judge_spec(
        load_spec(spec), options, threshold=threshold, fail_on=FailOn(fail_on), json_path=json_path
    )
    report(result, decision, json_path)
    click.get_current_context().exit(int(decision.exit))
