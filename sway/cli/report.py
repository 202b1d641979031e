"""`sway report`: a saved report again, in any format."""

from __future__ import annotations

from pathlib import Path

import click

from sway.cli.console import console
from sway.cli.output import check_target, write_atomically
from sway.report.formats import FORMATS
from sway.report.reading import read_report
from sway.report.summary import summarize
from sway.report.terminal import show

ALIASES = {"md": "markdown"}


@click.command(short_help="A saved report again, in any format.")
@click.argument("report", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice([*FORMATS, *ALIASES]), default="terminal", show_default=True, help="As what."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it here; default: standard output.")
def report(report: Path, form: str, output: Path | None) -> None:
    """Render REPORT, a JSON report that sway wrote, as it would have been rendered then. Exits 0 whatever it says."""
    found = read_report(report)
    if output is not None:
        check_target(output, report)
        write_atomically(output, FORMATS[ALIASES.get(form, form)](found))
    elif form == "terminal":
        show(summarize(found), console())
    else:
        click.echo(FORMATS[ALIASES.get(form, form)](found), nl=False)
