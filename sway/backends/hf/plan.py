"""Which rows of a batch show which view. Hooks on the model's layers read it while the batch runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch

# On a CPU the rows of a matrix product are bit-identical, whatever else is in the product, once it has this many.
MIN_ROWS = 16


class Effect(Protocol):
    """What one adapter does at one module, beyond the base."""

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """Add `scale` times the effect to `out` (n, out) in place, for inputs `x` (n, in), or ids (n,)."""
        ...


Effects = Sequence[Effect]


@dataclass(frozen=True)
class Group:
    """Rows `start` to `stop` show one view: `scale` times `effects`, one a hooked module."""

    start: int
    stop: int
    effects: Effects
    scale: float


@dataclass
class Plan:
    """The batch that runs now: its rows, its width in tokens, and the groups of rows that are not the base's."""

    rows: int = 0
    width: int = 0
    packed: bool = False
    groups: list[Group] = field(default_factory=list)
    paused: bool = False

    def set(self, rows: int, width: int, groups: list[Group], *, packed: bool = False) -> None:
        """Describe the next forward pass. `packed` rows are single tokens in a batch of one."""
        self.rows, self.width, self.groups, self.packed = rows, width, groups, packed

    def clear(self) -> None:
        """Every row is the base's."""
        self.set(0, 0, [])


def within(groups: Sequence[Group], low: int, high: int) -> list[Group]:
    """The groups among rows `low` to `high`, counted from `low`."""
    kept = (g for g in groups if g.start < high and low < g.stop)
    return [replace(g, start=max(g.start, low) - low, stop=min(g.stop, high) - low) for g in kept]
