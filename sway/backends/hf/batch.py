"""Cuts work into batches: equal widths together, views next to each other, within limits of rows and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Protocol, TypeVar

from sway.core.views import View

MAX_ROWS = 128


class Sized(Protocol):
    """Anything with a padded width, and as much room as it may come to take."""

    @property
    def width(self) -> int:
        """The padded length in tokens."""
        ...

    @property
    def room(self) -> int:
        """The padded length at the end, in tokens."""
        ...


S = TypeVar("S", bound=Sized)


def batches(items: Sequence[S], view_of: Callable[[S], View], tokens: Callable[[], int]) -> Iterator[list[S]]:
    """Batches in a canonical order: by width, and view, the base first.

    A batch has at most `MAX_ROWS` rows and about `tokens()` tokens, and at least one row.
    """
    ordered = sorted(items, key=lambda item: (item.width, view_of(item).key))
    for _, same in groupby(ordered, key=lambda item: item.width):
        found = list(same)
        rows = max(1, min(MAX_ROWS, tokens() // max(item.room for item in found)))
        yield from _cut(found, rows, view_of)


def _cut(items: list[S], rows: int, view_of: Callable[[S], View]) -> Iterator[list[S]]:
    """Lists of at most `rows`, cut between views where that leaves more than half: equal groups share a product."""
    low = 0
    while low < len(items):
        high = min(low + rows, len(items))
        whole = high
        while low < whole < len(items) and view_of(items[whole - 1]) == view_of(items[whole]):
            whole -= 1
        high = whole if whole - low > rows // 2 else high
        yield items[low:high]
        low = high
