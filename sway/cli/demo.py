"""`sway demo`: see a gate pass one adapter and stop two, on this machine, offline."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from sway.cli.session import judge_spec, report, shown_progress
from sway.core.exits import Exit
from sway.core.verdicts import Verdict
from sway.demo.story import Case, prepare
from sway.engine.plan import Options
from sway.suite.loader import load_spec


@click.command(short_help="See a gate pass one adapter and stop two, offline.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("sway-demo"))
def demo(folder: Path) -> None:
    """Train a small base and three adapters in FOLDER, write a spec for each, and gate them.

    Exits 0 if the gate says of each what it should. Models are kept in FOLDER for the next time.
    """
    with shown_progress() as progress:
        stages: list[str] = []

        def advance(stage: str, step: int, total: int) -> None:
            name = stage.partition(",")[0]
            if name not in stages:
                stages.append(name)
                progress.stage(name)
            progress.advance(step, total)

        cases = prepare(folder, advance)
    said = [(case, _gate(case, spec)) for case, spec in cases]
    click.echo("What the gate said:")
    for case, verdict in said:
        right = "as it should" if verdict is case.expected else f"but {case.expected} was expected"
        click.echo(f"  {verdict.upper():5} {case.name:8} {right}")
    spec = cases[0][1]
    click.echo(f"\nChange a bound or a prompt in {spec}, and judge it again:\n  {_command()} gate {spec}")
    as_expected = all(verdict is case.expected for case, verdict in said)
    click.get_current_context().exit(int(Exit.PASS if as_expected else Exit.NO_VERDICT))


def _command() -> str:
    """What to type to call sway: its name, or its path where the name alone is not found."""
    return "sway" if shutil.which("sway") else sys.argv[0]


def _gate(case: Case, spec: Path) -> Verdict:
    click.secho(f"\n{case.name}: {case.story}", bold=True)
    result, decision = judge_spec(load_spec(spec), Options())
    report(result, decision)
    return decision.verdict
