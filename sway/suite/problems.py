"""The faults of one file, gathered so that all are reported at once, each with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NoReturn

from sway.core.errors import SpecError, SwayError

Key = str | int
NodePath = tuple[Key, ...]

MAX_SHOWN = 200
"""Faults beyond this many are counted, not listed."""


def dotted(path: NodePath) -> str:
    """A path as people write it.

    >>> dotted(("suite", 2, "cases", 0, "gold"))
    'suite[2].cases[0].gold'
    """
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """A mend for a name that is not among `known`: the one most like it, or all of them.

    >>> nearest("delta_lk", ["delta_kl", "leakage"])
    'did you mean delta_kl?'
    >>> nearest("x", ["b", "a"])
    'known: a, b'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word[:100], names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(names)}" if names else ""


class Problems:
    """Collects faults in the file shown as `shown`; `lines` tells where a path stands in it."""

    def __init__(self, shown: str, lines: dict[NodePath, int] | None = None) -> None:
        self.shown = shown
        self.lines = lines if lines is not None else {}
        self.found: list[SwayError] = []
        self._paths: set[NodePath] = set()

    def line(self, path: NodePath) -> int | None:
        """The line of a path, or of the innermost part around it that has one."""
        for end in range(len(path), -1, -1):
            if (line := self.lines.get(path[:end])) is not None:
                return line
        return None

    def where(self, path: NodePath, line: int | None = None) -> str:
        """`file:line`, or the file alone where no line is known."""
        line = line or self.line(path)
        return f"{self.shown}:{line}" if line else self.shown

    def add(self, what: str, path: NodePath = (), *, mend: str = "", line: int | None = None) -> None:
        """Note a fault of the value at `path`."""
        name = dotted(path)
        self._paths.add(path)
        self.found.append(SwayError(f"{name}: {what}" if name else what, where=self.where(path, line), mend=mend))

    def covers(self, path: NodePath) -> bool:
        """Whether a fault at this very path is noted already."""
        return path in self._paths

    def include(self, faults: Iterable[SwayError]) -> None:
        """Note faults found elsewhere."""
        self.found.extend(faults)

    def stop(self, what: str, position: str = "") -> NoReturn:
        """Note a fault after which the file cannot be read on, and raise all."""
        where = f"{self.shown}:{position}" if position else self.shown
        self.found.append(SwayError(what, where=where))
        self.raise_any()
        raise AssertionError("unreachable")

    def raise_any(self) -> None:
        """Raise `SpecError` with every fault, in the order of the file, if there are any."""
        if not self.found:
            return
        shown = sorted(self.found[:MAX_SHOWN], key=_place)
        if len(self.found) > MAX_SHOWN:
            shown.append(SwayError(f"and {len(self.found) - MAX_SHOWN} more problems", where=self.shown))
        raise SpecError(shown)


def _place(fault: SwayError) -> tuple[str, int]:
    file, _, line = fault.where.rpartition(":")
    return (file, int(line)) if line.isdigit() else (fault.where, 0)
