"""How a run tells a person where it stands; the default tells nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of each stage, and of how many questions of a round have answers."""

    def stage(self, text: str) -> None:
        """A stage begins."""
        ...

    def advance(self, done: int, total: int) -> None:
        """`done` of the round's `total` questions have answers."""
        ...


class Silent:
    """Progress that goes nowhere."""

    def stage(self, text: str) -> None:
        """Ignore."""

    def advance(self, done: int, total: int) -> None:
        """Ignore."""
