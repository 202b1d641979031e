"""What is watched: the version that a store points to, or the content of one adapter folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.core.errors import SwayError
from sway.integrations.dlm.store import Store
from sway.suite.resolve import expand

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
Mark = tuple[str, int, int, int]


@dataclass(frozen=True)
class Sighting:
    """An adapter as it stands: its folder, and name, size, time and inode of each of its files and of the `spec`."""

    folder: Path
    marks: tuple[Mark, ...]
    spec: tuple[Mark, ...]

    @property
    def label(self) -> str:
        """Its folder's name, fit for the name of a file."""
        return _NOT_IN_A_NAME.sub("-", self.folder.name).strip("-.")[:60] or "adapter"


@dataclass(frozen=True)
class Followed:
    """Where to look: `folder` is the adapter's unless a `store` says which version of `adapter` is current."""

    spec: Path
    folder: Path | None = None
    store: Store | None = None
    adapter: str | None = None

    def look(self) -> Sighting | None:
        """What is there now; None where nothing is.

        Raises:
            SwayError: the store points to what is not there.
        """
        folder = self.store.current(self.adapter) if self.store else self.folder
        marks = _marks(folder) if folder else ()
        return Sighting(folder, marks, _mark(self.spec)) if folder and marks else None

    def has_spec_of(self, sighting: Sighting) -> bool:
        """Whether the spec is still the one that was there at a sighting."""
        return _mark(self.spec) == sighting.spec

    @property
    def shown(self) -> str:
        """What is followed, for people."""
        return str(self.store.pointer(self.adapter) if self.store else self.folder)

    def places(self) -> list[Path]:
        """The folders whose entries change when a version appears."""
        place = self.store.pointer(self.adapter).parent if self.store else self.folder
        try:
            current = self.store.current(self.adapter) if self.store else None
        except SwayError:
            current = None
        return [p for p in (self.spec.parent, place, place.parent if place else None, current) if p and p.is_dir()]


def follow(data: Mapping[str, Any], spec: Path) -> Followed:
    """What the adapter of a spec's data is to be followed by. The adapter need not be there yet.

    Raises:
        SwayError: the spec names no adapter.
    """
    models = data.get("models")
    tuned = models.get("ft") if isinstance(models, Mapping) else None
    told = tuned.get("adapter") if isinstance(tuned, Mapping) else None
    path = expand(told) if isinstance(told, str) and told.strip() else None
    if path is None:
        raise SwayError("models.ft names no adapter to follow", where=str(spec), mend="write adapter: path/to/adapter")
    folder = Path(os.path.normpath(spec.parent / path))
    return _in_store(spec, folder) or Followed(spec, folder)


def _in_store(spec: Path, folder: Path) -> Followed | None:
    """The store that holds a folder `adapter/versions/vNNNN` or `adapter/NAME/versions/vNNNN`, if it is in one."""
    above = folder.parent.parent
    if folder.parent.name != "versions":
        return None
    if above.name == "adapter":
        return Followed(spec, store=Store(above.parent))
    if above.parent.name == "adapter":
        return Followed(spec, store=Store(above.parent.parent), adapter=above.name)
    return None


def _marks(folder: Path) -> tuple[Mark, ...]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return ()
    return tuple(mark for name in names for mark in _mark(folder / name))


def _mark(path: Path) -> tuple[Mark, ...]:
    """One mark, or none for a file that has gone."""
    try:
        told = path.stat()
    except OSError:
        return ()
    return ((path.name, told.st_size, told.st_mtime_ns, told.st_ino),)
