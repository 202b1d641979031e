"""`sway unpack`: take a swaypack apart, and say how to run it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sway.cli.options import a_number
from sway.pack.layout import DEFAULT_MB

if TYPE_CHECKING:
    from sway.pack.unpack import Unpacked


@click.command(short_help="Take a packed spec apart, and say how to run it.")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("swaypack"), show_default=True, help="A new folder."
)
@click.option("--base", help="Where the base model is here: a folder or a hub id.")
@click.option("--adapter", type=click.Path(path_type=Path), help="Where the adapter is here.")
@click.option(
    "--max-size-mb",
    type=click.FloatRange(min=0.001, max=100_000),
    default=DEFAULT_MB,
    show_default=True,
    callback=a_number,
    help="Most that the files may come to, unpacked.",
)
def unpack(pack: Path, output: Path, base: str | None, adapter: Path | None, max_size_mb: float) -> None:
    """Take PACK apart into a new folder. Nothing in it is run, and nothing is written unless all of it is in order."""
    from sway.pack import unpack as room

    # Path.expanduser raises where there is no such home.
    here = str(Path(os.path.expanduser(adapter)).absolute()) if adapter else None  # noqa: PTH111
    limit = int(max_size_mb * 1024 * 1024)
    done = room.unpack(pack, output, limit=limit, base=_base(base), adapter=here)
    click.echo("\n".join(_told(done, base is not None, here)))


def _base(text: str | None) -> str | None:
    """A folder as an absolute path, a hub id as it is."""
    from sway.backends.files import folder_at

    folder = folder_at(text) if text else None
    return str(folder.absolute()) if folder else text


def _told(done: Unpacked, base_given: bool, adapter: str | None) -> list[str]:
    from sway.backends.files import base_folder, folder_at
    from sway.core.text import printable

    manifest = done.manifest
    lines = [f"unpacked to {printable(str(done.folder))}: {', '.join(n for n in done.names if '/' not in n)}"]
    if not base_given and base_folder(manifest.base) is None:
        lines.append(f"not here yet: base {printable(manifest.base)} (fetched from the hub, or give --base)")
    place = adapter or manifest.adapter
    if place and folder_at(place) is None:
        lines.append(f"not here yet: adapter {printable(place)} (put it there, or give --adapter)")
    elif place and manifest.adapter_digest and _digest(place) != manifest.adapter_digest:
        lines.append(f"note: the adapter in {printable(place)} is not the one that was packed")
    lines += [f"not in the pack: {printable(path)}" for path in manifest.outside]
    if done.runs_code:
        lines.append("note: this spec has code run that does not come with sway; read it before you run it")
    if "SWAY_NULL_CACHE_DIR" in done.command:
        lines.append("The pack's nulls are its sender's word; leave SWAY_NULL_CACHE_DIR out to measure them here.")
    return [*lines, "To run it:", f"  {done.command}"]


def _digest(place: str) -> str:
    from sway.backends.adapter import read_adapter
    from sway.core.errors import SwayError

    try:
        return read_adapter(Path(place)).digest
    except SwayError:
        return ""
