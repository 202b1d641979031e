"""The base branch's reports, to hold this one's against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sway.core.errors import SwayError
from sway.engine.compare import Side
from sway.report.baseline import read_side

MOST = 200
"""Files of a folder that are looked into."""


@dataclass(frozen=True)
class Baseline:
    """A report, or a folder of them; nowhere at all without a `place`.

    In a folder a report is found by the spec that it is of, or else by its file's name. Names alone would not do:
    they depend on what other specs are judged beside it, which a pull request decides.
    """

    place: Path | None = None

    def of(self, name: str, spec: str = "") -> Side | None:
        """What the report of this name and spec is held against; None where there is none.

        Raises:
            SwayError: there is one, and it cannot be read.
        """
        sides, torn = self._inside
        same = [side for side in sides if spec and side.spec == spec]
        if len(same) == 1:
            return same[0]
        path = self._path(name)
        if path is not None and path.is_file():
            return read_side(path)
        if torn:  # it may have been this one
            raise torn[0]
        return None

    def _path(self, name: str) -> Path | None:
        return self.place / name if self.place is not None and self.place.is_dir() else self.place

    @cached_property
    def _inside(self) -> tuple[list[Side], list[SwayError]]:
        """The reports of a folder, and what is wrong with those that cannot be read."""
        sides, torn = list[Side](), list[SwayError]()
        files = sorted(self.place.glob("*.json")) if self.place is not None and self.place.is_dir() else []
        for path in files[:MOST]:
            try:
                sides.append(read_side(path))
            except SwayError as fault:
                torn.append(fault)
        return sides, torn
