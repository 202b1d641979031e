"""Several specs in one command: each judged alone, the base loaded once, one table and one exit code at the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from sway.backends.shelf import base_key
from sway.cli.console import console
from sway.core.errors import NoOpError, PreflightError, SpecError, SwayError
from sway.core.exits import Exit, worst
from sway.core.text import printable
from sway.core.verdicts import Verdict
from sway.suite.loader import load_spec
from sway.suite.spec import LoadedSpec

NAME = "{name}"


@dataclass(frozen=True)
class Judged:
    """One spec's outcome: its verdict, what decided it, and its exit code."""

    name: str
    spec: str
    verdict: Verdict
    exit: Exit
    score: float | None = None
    why: str = ""


def load_all(paths: Sequence[Path]) -> list[LoadedSpec]:
    """Every spec; every fault in any of them at once.

    Raises:
        SpecError: a spec cannot be used, or is given twice.
    """
    loaded, problems = list[LoadedSpec](), list[SwayError]()
    for path in paths:
        try:
            loaded.append(load_spec(path))
        except SpecError as fault:
            problems += fault.problems
    twice = [str(p) for p, n in Counter(each.path.resolve() for each in loaded).items() if n > 1]
    problems += [SwayError("is given twice", where=path) for path in twice]
    if problems:
        raise SpecError(problems)
    return loaded


def names(specs: Sequence[LoadedSpec]) -> list[str]:
    """A short name a spec, for its files: the file's, with its folder's before it where two are equal.

    A clash that is left is numbered, so that no report replaces another.
    """
    plain = [_safe(s.path.stem) for s in specs]
    longer = [_safe(f"{s.path.parent.name}-{s.path.stem}") for s in specs]
    chosen = [long if plain.count(short) > 1 else short for short, long in zip(plain, longer, strict=True)]
    seen = Counter[str]()
    numbered = []
    for name in chosen:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return numbered if len(set(numbered)) == len(numbered) else [f"{i}-{n}" for i, n in enumerate(numbered, start=1)]


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "spec"


def place(path: Path | None, name: str, ending: str, *, several: bool) -> Path | None:
    """Where one spec's file goes: `path`, or with several specs its file in that folder, or the pattern filled in.

    Raises:
        SwayError: with several specs, `path` is neither a folder nor has `{name}` in it.
    """
    if path is None:
        return None
    if NAME in str(path):
        return Path(str(path).replace(NAME, name))
    if not several:
        return path
    if path.is_dir():
        return path / f"{name}{ending}"
    raise SwayError(
        "with several specs each needs a file of its own", where=str(path), mend=f"give a folder, or a path with {NAME}"
    )


def judged_in_turn(specs: Sequence[LoadedSpec], labels: Sequence[str], judge: Callable[[int], Judged]) -> list[Judged]:
    """Judge every spec, those of one base after each other; the outcomes are in the order of the specs.

    A spec whose adapter or base cannot be used is told, and the others go on.
    """
    keys = [base_key(s.spec.models.ft) for s in specs]
    order = sorted(range(len(specs)), key=lambda i: keys.index(keys[i]))
    outcomes: dict[int, Judged] = {}
    for i in order:
        click.secho(printable(f"\n{labels[i]}: {specs[i].path}"), bold=True)
        try:
            outcomes[i] = judge(i)
        except SwayError as fault:
            click.echo(printable(f"error: {fault}"), err=True)
            outcomes[i] = Judged(labels[i], str(specs[i].path), Verdict.ERROR, _code(fault), why=str(fault))
    return [outcomes[i] for i in range(len(specs))]


def _code(fault: SwayError) -> Exit:
    if isinstance(fault, PreflightError):
        return Exit.NO_VERDICT
    return Exit.GATE_FAILED if isinstance(fault, NoOpError) else Exit.USAGE


def show_all(outcomes: Sequence[Judged]) -> None:
    """Print a row a spec, and what the command's exit code says."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in ("", "spec", "score", "exit", "why"):
        table.add_column(header, overflow="fold")
    for each in outcomes:
        score = "" if each.score is None else f"{each.score:.2f}"
        cells = (each.verdict.value, each.name, score, str(int(each.exit)), each.why[:200])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    out = console()
    out.print(Text("\nAll specs", style="bold"))
    out.print(table)
    passed = sum(each.exit is Exit.PASS for each in outcomes)
    out.print(f"{passed} of {len(outcomes)} passed; exit {int(worst(each.exit for each in outcomes))}")
