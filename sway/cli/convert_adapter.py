"""`sway convert-adapter`: write an adapter as another runtime loads it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("convert-adapter", short_help="Write an adapter as another runtime loads it.")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option("--target", "form", type=click.Choice(["mlx"]), default="mlx", show_default=True, help="The runtime.")
@click.option("--overwrite", is_flag=True, help="Replace a converted adapter at DST.")
def convert_adapter(source: Path, target: Path, form: str, overwrite: bool) -> None:
    """Convert the PEFT adapter in folder SRC into a new folder DST. Needs neither the base nor the runtime."""
    from sway.backends.mlx.convert import convert
    from sway.core.text import printable

    count = convert(source, target, overwrite=overwrite)
    click.echo(f"{printable(str(target))}: {count} modules for {form}")
