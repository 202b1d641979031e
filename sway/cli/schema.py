"""`sway schema`: the JSON Schema of a spec, or of a report."""

from __future__ import annotations

import json

import click


@click.command(short_help="The JSON Schema of a spec, for editors.")
@click.option("--report", is_flag=True, help="The schema of the JSON report instead.")
def schema(report: bool) -> None:
    """Print the JSON Schema (2020-12) of sway.yaml.

    Save it, and point your editor's YAML language server at the file to complete and check specs while you type.
    """
    if report:
        from sway.report.json_report import schema as made
    else:
        from sway.suite.schema import json_schema as made

    click.echo(json.dumps(made(), indent=2))
