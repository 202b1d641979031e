"""`sway check`: is there anything in this adapter? No spec needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # the files alone are looked at without loading an engine
    from sway.cli.disk import Diagnosis
    from sway.core.results import SuiteResult
    from sway.engine.gate import Decision


@click.command(short_help="Is there anything in this adapter? No spec needed.")
@click.argument("adapter", type=click.Path(path_type=Path))
@click.option("--base", help="Hub id or folder; default: what the adapter says it was trained on.")
@click.option("--prompts", type=click.Path(path_type=Path), help="A text file, a prompt a line.")
@click.option("--no-model", is_flag=True, help="Look at the files alone.")
@click.option("--thorough", is_flag=True, help="99 nulls in place of 19.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: physical cores.")
def check(
    adapter: Path, base: str | None, prompts: Path | None, no_model: bool, thorough: bool, threads: int | None
) -> None:
    """Diagnose ADAPTER from its files, then hold it against random adapters of its own size.

    Exits 0 for an adapter that changes the model, 1 for one that is broken or no more than noise, 2 for unusable
    input, 3 where no verdict is possible.
    """
    if no_model:
        # NumPy's linear algebra starts a thread a core when it is imported, which doubles the cost of so short a look.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sway.cli import disk

    found = disk.inspect(adapter)
    diagnoses = disk.diagnose(found)
    if no_model:
        _show(diagnoses)
        click.get_current_context().exit(int(disk.exit_code(diagnoses)))
    _alert(diagnoses)
    from sway.cli.quick import quick_suite
    from sway.cli.session import judge_spec, report
    from sway.engine.plan import Options

    result, decision = judge_spec(quick_suite(found, base, prompts), Options(thorough=thorough, threads=threads))
    report(result, decision)
    click.echo(_one_line(result, decision))
    click.get_current_context().exit(int(decision.exit))


def _show(diagnoses: list[Diagnosis]) -> None:
    from sway.core.text import printable

    for d in diagnoses:
        click.echo(f"{d.verdict.value:5} {d.name}: {printable(d.message)}")


def _alert(diagnoses: list[Diagnosis]) -> None:
    """Say on top what makes the numbers below doubtful."""
    from sway.core.text import printable

    for d in diagnoses:
        if d.verdict.value in ("fail", "warn", "error"):
            click.secho(f"PRE-RUN ALERT  {d.name}: {printable(d.message)}", fg="yellow", bold=True)


def _one_line(result: SuiteResult, decision: Decision) -> str:
    from sway.core.verdicts import Reason
    from sway.engine.words import sigma

    changed = next((p for p in result.probes if p.kind == "delta_kl"), None)
    if changed is None or not changed.verdict.measured:
        return "verdict: none, the adapter could not be measured"
    if changed.reason is Reason.NOISE:
        return "verdict: indistinguishable from a null adapter"
    z = f"{sigma(changed.z_score)} sigma above noise" if changed.z_score is not None else "above noise"
    if changed.reason is Reason.NEGLIGIBLE:
        return f"verdict: {z}, but too small to matter"
    return f"verdict: {z}" + ("" if decision.exit == 0 else ", but it does harm")
