"""`sway pack`: a spec with all that it reads, in one file to send or to keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sway.cli.options import a_number
from sway.pack.layout import DEFAULT_MB

if TYPE_CHECKING:
    from sway.pack.layout import Manifest


@click.command(short_help="Put a spec and all that it reads into one file.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file; default: SPEC.swaypack.tar.gz here.")
@click.option("--include-golden", type=click.Path(path_type=Path), help="A JSON report to compare with.")
@click.option(
    "--include-null-cache/--no-include-null-cache", default=True, show_default=True, help="Take the nulls along."
)
@click.option(
    "--max-size-mb",
    type=click.FloatRange(min=0.001, max=100_000),
    default=DEFAULT_MB,
    show_default=True,
    callback=a_number,
    help="Most that the files may come to, unpacked.",
)
def pack(
    spec: Path, output: Path | None, include_golden: Path | None, include_null_cache: bool, max_size_mb: float
) -> None:
    """Pack SPEC, its document or sections, and what this machine knows of the nulls of its adapter."""
    from sway.cli.output import check_new, write_atomically
    from sway.core.text import printable
    from sway.pack import make
    from sway.pack.layout import SUFFIX, megabytes
    from sway.suite.loader import load_spec

    output = output or Path(spec.stem + SUFFIX)
    check_new(output)
    limit = int(max_size_mb * 1024 * 1024)
    made = make.pack(load_spec(spec), golden=include_golden, nulls=include_null_cache, limit=limit)
    write_atomically(output, made.content)
    held = sorted(name for name in made.manifest.files if "/" not in name)
    click.echo(f"wrote {printable(str(output))} ({megabytes(len(made.content))})")
    click.echo(f"  in it: {', '.join(held)}, the nulls of {made.nulls} probes")
    for line in needs(made.manifest):
        click.echo(f"  not in it, and needed: {line}")


def needs(manifest: Manifest) -> list[str]:
    """What the spec needs that is not in the pack, a line each."""
    from sway.core.text import printable

    adapter = [f"adapter {manifest.adapter}"] if manifest.adapter else []
    return [printable(line) for line in (f"base {manifest.base}", *adapter, *manifest.outside)]
