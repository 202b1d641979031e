"""`sway diff`: two adapters, asked the same questions on one loaded base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sway.backends.adapter import read_adapter
from sway.backends.shelf import Shelf
from sway.cli.against import checked, fail_on_regression
from sway.cli.compare import form, show_comparisons
from sway.cli.session import judge_spec
from sway.core import folders
from sway.engine.compare import SHARE, Side, compare
from sway.engine.kept import Ledger
from sway.engine.plan import Options
from sway.suite.loader import load_spec
from sway.suite.spec import LoadedSpec


@click.command(short_help="Is one adapter worse than another? Both are asked in one run.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--a", "first", required=True, type=click.Path(path_type=Path), help="Folder of the first adapter.")
@click.option("--b", "second", required=True, type=click.Path(path_type=Path), help="Folder of the adapter to judge.")
@form
@fail_on_regression
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: physical cores.")
def diff(spec: Path, first: Path, second: Path, form: str, share: float | None, threads: int | None) -> None:
    """Ask the questions of SPEC of adapters A and B, in the place of its own, and hold B against A.

    Exits 0 where B is not worse, 1 where a required probe regressed, 2 for unusable input, 3 where a required probe
    could not be compared. No random adapters are asked: whether either is fit to merge is for `sway gate`.
    """
    loaded = load_spec(spec)
    pair = [read_adapter(folder).folder.resolve() for folder in (first, second)]
    shelf: Shelf[Any] = Shelf()
    ledger = Ledger(folders.kept_answers(), hold=True)
    options = Options(threads=threads, nulls=False)
    sides = []
    for label, folder in zip("ab", pair, strict=True):
        result, _ = judge_spec(with_adapter(loaded, folder), options, shelf=shelf, ledger=ledger)
        sides.append(Side.of(result, label))
    ledger.close()
    found = checked(compare(*sides, share=share or SHARE))
    show_comparisons([found], form)
    click.get_current_context().exit(int(found.exit()))


def with_adapter(loaded: LoadedSpec, folder: Path) -> LoadedSpec:
    """The spec with another adapter in the place of its own."""
    models = loaded.spec.models
    tuned = models.ft.model_copy(update={"adapter": str(folder)})
    return replace(loaded, spec=loaded.spec.model_copy(update={"models": models.model_copy(update={"ft": tuned})}))
