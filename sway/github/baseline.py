"""The base branch's reports, to hold this one's against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sway.engine.compare import Side
from sway.report.baseline import read_side


@dataclass(frozen=True)
class Baseline:
    """A report, or a folder that has one of the same file name for each; nowhere at all without a `place`."""

    place: Path | None = None

    def of(self, name: str) -> Side | None:
        """What the report of this name is held against; None where there is none.

        Raises:
            SwayError: there is one, and it cannot be read.
        """
        path = self._path(name)
        return read_side(path) if path is not None and path.is_file() else None

    def _path(self, name: str) -> Path | None:
        return self.place / name if self.place is not None and self.place.is_dir() else self.place
