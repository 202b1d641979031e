"""`sway schema`: the JSON Schema of a spec."""

from __future__ import annotations

import json

import click


@click.command(short_help="The JSON Schema of a spec, for editors.")
def schema() -> None:
    """Print the JSON Schema (2020-12) of sway.yaml.

    Save it, and point your editor's YAML language server at the file to complete and check specs while you type.
    """
    from sway.suite.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
