"""The base branch's reports, to hold this one's against."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from sway.core.errors import SwayError
from sway.engine.compare import Side
from sway.report.baseline import read_side

MOST = 200
"""Files of a folder that are looked into."""
NOTE = "unread.txt"
"""Lies in a folder that would hold the reports, had they been given."""


class Unread(StrEnum):
    """Why nobody knows whether the base branch has a report: the job may not ask, or anything else."""

    DENIED = "denied"
    FAULT = "fault"


def leave_note(folder: Path, why: Unread) -> None:
    """Note in `folder` that it is empty because the reports could not be read, and not for want of any."""
    with suppress(OSError):  # where nothing can be written, that has been said, and nothing is compared either way
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NOTE).open("x", encoding="utf-8") as file:
            file.write(f"{why}\n")


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

    @property
    def unread(self) -> Unread | None:
        """Why the reports could not be read, where a note says so."""
        note = None if self.place is None else self.place / NOTE
        if note is None or not note.is_file():
            return None
        return Unread.DENIED if note.read_bytes()[:20].split() == [b"denied"] else Unread.FAULT

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
