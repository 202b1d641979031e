"""`sway run`: measure and report; the verdicts do not decide the exit code."""

from __future__ import annotations

from pathlib import Path

import click
from rich import box
from rich.table import Table

from sway.cli.against import baseline, check_shared, checked, held_against, show_against
from sway.cli.console import console
from sway.cli.inputs import made_from
from sway.cli.reports import outputs
from sway.cli.session import judge_spec, judging, parse_weights, report, tracer
from sway.core.text import printable
from sway.engine.plan import Forecast, Options, forecast, make_plan
from sway.engine.score import merge_weights
from sway.report.baseline import read_side
from sway.suite.loader import load_spec
from sway.suite.spec import LoadedSpec


@click.command(short_help="Measure a suite and show the report.")
@click.argument("spec", type=click.Path(path_type=Path))
@judging
@click.option("--only", default="", metavar="NAMES", help="Comma-separated probes to run.")
@click.option("--skip", default="", metavar="NAMES", help="Comma-separated probes to leave out.")
@baseline
@click.option("--dry-run", is_flag=True, help="Show what would be asked; load no model.")
@click.option(
    "--serve-url", envvar="SWAY_SERVE_URL", metavar="URL", help="Have a sway serve run it; or SWAY_SERVE_URL."
)
def run(
    spec: Path,
    weights: str,
    thorough: bool,
    threads: int | None,
    memory: int | None,
    trace: Path | None,
    only: str,
    skip: str,
    baseline: Path | None,
    dry_run: bool,
    serve_url: str | None,
    **paths: Path | None,
) -> None:
    """Measure every probe in SPEC and show the report. Exits 0 whatever the verdicts."""
    loaded = load_spec(spec)
    inputs = made_from([loaded], [baseline])
    told = tracer(trace, *inputs)
    options = Options(_names(only), _names(skip), parse_weights(weights), thorough, threads, tracer=told, memory=memory)
    if dry_run:
        show_plan(loaded, options)
        return
    wanted = outputs(paths, inputs)
    before = read_side(baseline) if baseline else None
    check_shared(before, [entry.kind for entry in loaded.spec.suite])
    if serve_url:
        from sway.cli.served import judge_served

        result, decision = judge_served(loaded, options, serve_url, wanted)
    else:
        result, decision = judge_spec(loaded, options, outputs=wanted)
    report(result, decision, wanted)
    if before:
        show_against(checked(held_against(before, result, None)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def show_plan(loaded: LoadedSpec, options: Options) -> None:
    """Print each probe's first questions and what they cost."""
    merge_weights(loaded.spec.defaults.score_weights, options.weights)
    probes, rows, passes = forecast(make_plan(loaded, options))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in ("probe", "kind", "first questions", "nulls"):
        table.add_column(header, overflow="fold")
    for probe in probes:
        table.add_row(printable(probe.name), probe.kind, _asked(probe), str(probe.nulls or ""))
    out = console()
    out.print(table)
    out.print(f"{rows} distinct questions in about {passes} forward passes; later rounds depend on the answers.")


def _asked(probe: Forecast) -> str:
    if probe.note:
        return probe.note
    return ", ".join(f"{n} {kind}" for kind, n in probe.questions.items()) or "none: reads files only"
