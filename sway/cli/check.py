"""`sway check`: is there anything in this adapter? No spec needed."""

from __future__ import annotations

from pathlib import Path

import click

from sway.core.exits import Exit
from sway.core.results import ProbeResult, Reason, Verdict


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

    Exits 0 for an adapter that changes the model, 1 for one that is broken or indistinguishable
    from noise, 2 for unusable input, 3 where no verdict is possible.
    """
    from sway.cli.quick import diagnose, disk_suite, suite_for

    loaded = disk_suite(adapter, base)
    if no_model:
        results = diagnose(loaded)
        _show_disk(results)
        click.get_current_context().exit(int(_disk_exit(results)))
    _banner(diagnose(loaded))
    from sway.cli.session import judge_spec, report
    from sway.engine.plan import Options

    result, decision = judge_spec(suite_for(loaded, prompts), Options(thorough=thorough, threads=threads))
    report(result, decision)
    click.echo(_one_line(result.probes))
    click.get_current_context().exit(int(decision.exit))


def _show_disk(results: list[ProbeResult]) -> None:
    from sway.core.text import printable

    for r in results:
        click.echo(f"{r.verdict.value:5} {r.name}: {printable(r.message)}")


def _disk_exit(results: list[ProbeResult]) -> Exit:
    verdicts = {r.verdict for r in results}
    if Verdict.FAIL in verdicts:
        return Exit.GATE_FAILED
    return Exit.NO_VERDICT if Verdict.ERROR in verdicts else Exit.PASS


def _banner(results: list[ProbeResult]) -> None:
    """Say on top what makes the numbers below doubtful."""
    from sway.core.text import printable

    for r in results:
        if r.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.ERROR):
            click.secho(f"PRE-RUN ALERT  {r.name}: {printable(r.message)}", fg="yellow", bold=True)


def _one_line(probes: tuple[ProbeResult, ...]) -> str:
    changed = next((p for p in probes if p.kind == "delta_kl"), None)
    if changed is None or not changed.verdict.measured:
        return "verdict: none, the adapter could not be measured"
    if changed.reason is Reason.NOISE:
        return "verdict: indistinguishable from a null adapter"
    from sway.engine.words import sigma

    z = f"{sigma(changed.z_score)} sigma above noise" if changed.z_score is not None else "above noise"
    return f"verdict: {z}"
