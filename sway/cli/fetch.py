"""`sway fetch`: the base models that specs name, brought here before a run without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from sway.backends.files import folder_at, hub_cache
from sway.backends.hub import COMMIT, fetch
from sway.cli.inputs import texts
from sway.cli.options import a_number
from sway.core.errors import SpecError, SwayError
from sway.core.text import printable
from sway.suite.loader import load_spec
from sway.suite.resolve import expand, looks_like_path
from sway.suite.spec import LoadedSpec


@click.command("fetch", short_help="Get base models from the hub, for runs without a network.")
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC...")
@click.option("--cache", type=click.Path(path_type=Path), help="Where models are kept; default: the hub's own cache.")
@click.option(
    "--within",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Refuse specs that name a file or folder outside of this one, or have code of theirs run.",
)
@click.option("--allow-unpinned", is_flag=True, help="Accept a base model without a commit as its revision.")
@click.option(
    "--max-size-gb",
    type=click.FloatRange(min=0, min_open=True),
    default=100,
    show_default=True,
    callback=a_number,
    help="Largest model to fetch.",
)
def fetch_models(
    specs: Sequence[Path], cache: Path | None, within: Path | None, allow_unpinned: bool, max_size_gb: float
) -> None:
    """Bring the base models of each SPEC into the cache, at the commit that it pins.

    A model that is a folder here is left alone. Every file is held against the digest that the hub tells.
    """
    loaded = [load_spec(path) for path in specs]
    faults = [fault for spec in loaded for fault in _faults(spec, within, allow_unpinned)]
    if faults:
        raise SpecError(faults)
    wanted = dict.fromkeys(each for spec in loaded for each in _models(spec))
    for model, revision in wanted:
        done = fetch(model, revision, cache or hub_cache(), most_bytes=int(max_size_gb * 1e9))
        click.echo(printable(f"{model} at {done.commit}: {done.files} files, {done.size:,} bytes, as the hub has them"))
    if not wanted:
        click.echo("nothing to fetch: no spec names a model of the hub")


def _models(spec: LoadedSpec) -> Iterator[tuple[str, str | None]]:
    for model in (spec.spec.models.base, spec.spec.models.ft):
        if model.kind in ("hf", "mlx") and folder_at(model.base) is None:
            yield model.base, model.revision


def _faults(spec: LoadedSpec, within: Path | None, allow_unpinned: bool) -> Iterator[SwayError]:
    if not allow_unpinned:
        for model, revision in dict.fromkeys(_models(spec)):
            if not COMMIT.fullmatch(revision or ""):
                yield SwayError(
                    f"{model} is not pinned: what it is could change under the adapter",
                    where=f"{spec.path}:{spec.line('models.base.base')}",
                    mend="add revision: with the 40 digits of a commit, or allow it with --allow-unpinned",
                )
    if within is not None:
        yield from _outside(spec, within.resolve())


def _outside(spec: LoadedSpec, root: Path) -> Iterator[SwayError]:
    for what, path in _places(spec):
        if not path.resolve().is_relative_to(root):
            yield SwayError(f"{what} leads out of {root}", where=str(spec.path), mend="move it inside")
    for side, model in (("base", spec.spec.models.base), ("ft", spec.spec.models.ft)):
        if model.trust_remote_code or model.entry_point or model.kind == "custom":
            yield SwayError(
                f"models.{side} has code run that comes with the spec or the model, which is not done here",
                where=str(spec.path),
                mend="leave out trust_remote_code and entry_point",
            )


def _places(spec: LoadedSpec) -> Iterator[tuple[str, Path]]:
    """Everything in a spec that is read from this machine, and what it is."""
    yield "the spec", spec.path
    for side, model in (("base", spec.spec.models.base), ("ft", spec.spec.models.ft)):
        if model.adapter:
            yield f"models.{side}.adapter", Path(model.adapter)
        if folder := folder_at(model.base):
            yield f"models.{side}.base", folder
    yield from texts(spec)
    for i, entry in enumerate(spec.spec.suite):
        for name in type(entry.params).model_fields:
            value = getattr(entry.params, name)
            if name.endswith("_path") and isinstance(value, (str, Path)):
                yield f"suite[{i}].{name}", Path(value)
            elif name == "embedding_model" and (looks_like_path(value) or folder_at(value)):
                yield f"suite[{i}].{name}", expand(value) or Path(value)
