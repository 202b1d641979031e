"""`sway list-probes` and `sway explain`: what can be asked, in the probes' own words."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sway.core.errors import SwayError
from sway.core.probe import Probe
from sway.suite.files import exists
from sway.suite.problems import nearest
from sway.suite.registry import Registry, standard


@click.command("list-probes", short_help="What can be asked of an adapter.")
@click.option("--format", "form", type=click.Choice(["table", "md", "json"]), default="table", show_default=True)
def list_probes(form: str) -> None:
    """List the probes by category, each with the question that it answers."""
    probes = _ordered(standard())
    if form == "json":
        click.echo(json.dumps([_summary(p) for p in probes], indent=2))
    elif form == "md":
        click.echo("\n".join(_markdown(probes)))
    else:
        _table(probes)


def _ordered(registry: Registry) -> list[Probe]:
    """By category in the order of `Category`, then by name."""
    from sway.core.measurement import Category

    return sorted(registry.values(), key=lambda p: (list(Category).index(p.category), p.kind))


def _summary(probe: Probe) -> dict[str, str | bool]:
    return {
        "kind": probe.kind,
        "category": probe.category.value,
        "claim": probe.claim.value,
        "question": probe.question,
        "measures": probe.measures,
        "unit": probe.unit,
        "better": probe.better,
        "calibrated": probe.calibrated,
        "needs_model": probe.needs_model,
        "required": probe.required,
    }


def _markdown(probes: list[Probe]) -> list[str]:
    rows = [f"| `{p.kind}` | {p.category} | {p.claim} | {p.question.replace('|', chr(92) + '|')} |" for p in probes]
    return ["| probe | category | claim | question |", "|---|---|---|---|", *rows]


def _table(probes: list[Probe]) -> None:
    from rich import box
    from rich.table import Table

    from sway.cli.console import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in ("probe", "category", "claim"):
        table.add_column(header, no_wrap=True)
    table.add_column("question", overflow="fold")
    for p in probes:
        table.add_row(p.kind, p.category, p.claim, p.question)
    console().print(table)


@click.command(short_help="What a probe measures, or what a report means.")
@click.argument("probe", metavar="PROBE | REPORT")
def explain(probe: str) -> None:
    """Explain PROBE: what it measures, what it can and cannot tell you, and every parameter with its default.

    Or explain REPORT, a JSON report that sway wrote: what each number means, what shifted most, and what to try.
    """
    known = standard()
    if probe not in known and _names_a_file(probe):
        _explain_report(Path(probe))
        return
    if probe not in known:
        raise SwayError(f"there is no probe {probe!r}", mend=nearest(probe, known))
    found = known[probe]
    need = "needs the model" if found.needs_model else "reads files only"
    calibrated = "calibrated against null adapters" if found.calibrated else "not calibrated"
    click.echo(f"{found.kind}: {found.category}, a {found.claim} claim, {calibrated}, {need}")
    click.echo("" if found.required else "The gate does without it unless the spec says required: true.\n")
    click.echo(found.doc.strip() + "\n")
    _parameters(found)


def _names_a_file(name: str) -> bool:
    return exists(Path(name)) or bool(Path(name).suffix) or "/" in name


def _explain_report(path: Path) -> None:
    from sway.cli.console import console
    from sway.report.explanation import explain as show
    from sway.report.reading import read_report
    from sway.report.summary import summarize

    show(summarize(read_report(path)), console())


def _parameters(probe: Probe) -> None:
    from sway.suite.schema import json_schema

    entry = json_schema({probe.kind: probe})["$defs"][f"probe.{probe.kind}"]
    click.echo("Parameters, beside name, kind, enabled, weight and required:\n")
    for name in sorted(probe.params.model_fields, key=lambda n: n not in entry["required"]):
        schema = entry["properties"][name]
        default = "required" if name in entry["required"] else f"default {json.dumps(schema.get('default'))}"
        click.echo(click.wrap_text(f"{name}: {default}. {schema.get('description', '')}".strip(), 100, "  ", "      "))
