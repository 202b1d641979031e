"""The files that specs and a command's reports are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sway.suite.files import read_text
from sway.suite.loader import MAX_BYTES
from sway.suite.problems import Problems
from sway.suite.resolve import expand
from sway.suite.spec import LoadedSpec
from sway.suite.yamltree import parse


def made_from(specs: Iterable[LoadedSpec], baselines: Iterable[Path | None]) -> tuple[Path, ...]:
    """The specs, the files of text that they name, and the baselines: none of these may a report replace."""
    read = (path for spec in specs for path in (spec.path, *(path for _, path in texts(spec))))
    return (*read, *(path for path in baselines if path is not None))


def texts(loaded: LoadedSpec) -> Iterator[tuple[str, Path]]:
    """The keys of a spec that name files of text, with the files.

    A loaded spec holds texts, so that the names of their files are read again.
    """
    if loaded.spec.dlm_source:
        yield "dlm_source", Path(loaded.spec.dlm_source)
    if not loaded.path.is_file():
        return  # a pipe gives its text once, and would keep a second reader waiting
    shown = str(loaded.path)
    data = parse(read_text(loaded.path, shown=shown, limit=MAX_BYTES, role="spec"), Problems(shown)).data
    for key in ("sections", "controls"):
        if isinstance(named := data.get(key), str):
            yield key, loaded.path.parent / (expand(named) or named)
