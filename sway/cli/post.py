"""`sway post`: what a gate found, told on GitHub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from sway.github.baseline import Baseline
from sway.github.event import read_occasion
from sway.github.outcome import conclude
from sway.github.outputs import say
from sway.github.post import Post, preview
from sway.github.settings import read_settings
from sway.github.subject import subject

PATH = click.Path(path_type=Path)


@click.command(short_help="Tell on GitHub what a gate found.")
@click.option(
    "--report", "reports", multiple=True, required=True, type=PATH, help="A JSON report, or a folder of them."
)
@click.option(
    "--spec", "specs", multiple=True, help="The spec that was gated, as the comment is of it. [default: SWAY_SPEC_PATH]"
)
@click.option("--baseline", type=PATH, help="The base branch's report, or a folder of them by the same names.")
@click.option("--gate-exit", type=click.IntRange(0, 255), help="The exit code that the gate ended with.")
@click.option("--comment/--no-comment", default=None, help="Comment on the pull request. [default: SWAY_COMMENT]")
@click.option("--check/--no-check", default=None, help="Show a check beside the commit. [default: SWAY_CHECK]")
@click.option("--dry-run", is_flag=True, help="Print what would be done; no token, no network.")
def post(
    reports: Sequence[Path],
    specs: Sequence[str],
    baseline: Path | None,
    gate_exit: int | None,
    comment: bool | None,
    check: bool | None,
    dry_run: bool,
) -> None:
    """Comment on the pull request, write the job's summary and outputs, and exit with the gate's verdict.

    Runs in a GitHub workflow, after the gate. The reports are read again and rendered here, and the exit code is
    never better than --gate-exit, than any report, or than what a report's own probes say. A report that is missing
    or cannot be read is exit 3.

    Each spec has a comment of its own, which every run edits. Name it with --spec, as the gate was given it; else
    the comment is known by what --report says.
    """
    settings = read_settings(os.environ)
    wanted = settings.wanted
    wanted = replace(wanted, comment=wanted.comment if comment is None else comment)
    wanted = replace(wanted, check=wanted.check if check is None else check)
    settings = replace(settings, wanted=wanted)
    occasion = read_occasion(settings)
    outcome = conclude(reports, Baseline(baseline), wanted, gate_exit=gate_exit, failed=bool(occasion.failed))
    named = specs or ([] if wanted.spec is None else [wanted.spec])
    job = Post(settings, occasion, outcome, subject(named, reports, outcome))
    if dry_run:
        for line in preview(job):
            say(line)
    code = outcome.exit if dry_run else job.everywhere()
    click.get_current_context().exit(int(code))
