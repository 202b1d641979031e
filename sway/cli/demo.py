"""`sway demo`: see a gate pass one adapter and stop two, on this machine, offline."""

from __future__ import annotations

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
    said = [(case, spec, _gate(case, spec)) for case, spec in cases]
    click.echo("What the gate said:")
    for case, spec, verdict in said:
        right = "as it should" if verdict is case.expected else f"expected {case.expected}"
        click.echo(f"  {verdict.upper():5} {case.name:8} {right}; edit {spec} and run: sway gate {spec}")
    as_expected = all(verdict is case.expected for case, _, verdict in said)
    click.get_current_context().exit(int(Exit.PASS if as_expected else Exit.NO_VERDICT))


def _gate(case: Case, spec: Path) -> Verdict:
    click.secho(f"\n{case.name}: {case.story}", bold=True)
    result, decision = judge_spec(load_spec(spec), Options())
    report(result, decision)
    return decision.verdict
