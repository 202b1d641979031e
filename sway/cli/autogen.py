"""`sway autogen`: a spec from a `.dlm` document that has been trained."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command(short_help="Write a spec from a trained .dlm document.")
@click.argument("document", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("sway.yaml"), show_default=True)
@click.option("--adapter", help="Which adapter, where the document declares several.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def autogen(document: Path, output: Path, adapter: str | None, force: bool) -> None:
    """Write a spec that asks about DOCUMENT of the adapter that was trained from it."""
    from sway.backends.adapter_config import CONFIG_NAME
    from sway.cli.output import check_new, check_target, write_atomically
    from sway.integrations.dlm.autogen import render, trained
    from sway.integrations.dlm.resolver import resolve_dlm
    from sway.suite.loader import spec_from_text

    check_new(output, force)
    handle = resolve_dlm(document, adapter)
    folder, version = output.parent.resolve(), trained(handle)
    check_target(output, handle.path, version / CONFIG_NAME)
    text = render(
        handle,
        shown=str(document),
        dlm_source=_from(folder, handle.path.resolve()),
        adapter=_portable(folder, version),
    )
    spec_from_text(text, path=output)
    write_atomically(output, text)
    click.echo(f"wrote {output}; next: sway run {output} --dry-run")


def _from(folder: Path, path: Path) -> str:
    there = os.path.relpath(path, folder)
    return there if there.startswith(os.curdir) else f"./{there}"


def _portable(folder: Path, path: Path) -> str:
    """A path that also holds on a colleague's machine where it can: under the spec's folder, or under the home."""
    if path.is_relative_to(folder):
        return _from(folder, path)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.expanduser raises where there is no home
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
