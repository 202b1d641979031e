"""What is asked of a model as rows of tokens, and rows as pieces of one long row in which equal openings are one.

A row is cut where its question says, never where its company does, so that its numbers depend on itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sway.backends.hf.text import Ids, Text
from sway.core.errors import RequestError
from sway.core.requests import Chat, Generation, NextToken, Request, RollingLogprob, SpanLogprob
from sway.core.views import BASE, View

LEAST_OPENING = 4
BLOCK = 64


@dataclass(frozen=True)
class Ask:
    """One request at one row: answers are read at `positions`; `targets` are the tokens scored there, if any."""

    request: Request[object] | None
    positions: range
    targets: Ids = ()
    top_k: int = 0


@dataclass
class Row:
    """Token ids under a view, and everything that is asked of them. `cuts` are where an opening ends that others share.

    Cuts increase and lie within the ids.
    """

    view: View
    ids: Ids
    cuts: tuple[int, ...] = ()
    asks: list[Ask] = field(default_factory=list)

    @property
    def width(self) -> int:
        """The padded length: a function of the row alone, so that its numbers are too."""
        return bucket(len(self.ids))

    @property
    def room(self) -> int:
        """The same: nothing is added to it."""
        return self.width

    @property
    def read_from(self) -> int:
        """The first position that is asked for."""
        return min((ask.positions.start for ask in self.asks), default=0)

    @property
    def goes_on(self) -> bool:
        """Whether it ends within a conversation, whose next turn begins with all of it."""
        prompts = (getattr(ask.request, "prompt", None) for ask in self.asks)
        return any(isinstance(p, Chat) and any(m.role == "assistant" for m in p.messages) for p in prompts)


def line_of(text: Text, request: Generation) -> Ids:
    """The prompt that a request continues. Raises `RequestError` if it cannot be."""
    ids = text.prompt(request.prompt)
    text.check_length(len(ids) + request.max_new_tokens)
    return ids


def row_of(text: Text, request: Request[Any]) -> tuple[Ids, Ask, tuple[int, ...]]:
    """The ids that a request scores, what it asks of them, and where they are cut. Raises `RequestError`."""
    if isinstance(request, NextToken):
        ids = text.prompt(request.prompt)
        return ids, Ask(request, range(len(ids) - 1, len(ids)), top_k=request.top_k), blocks(ids)
    if isinstance(request, SpanLogprob):
        ids, first = text.span(request.prompt, request.completion)
        return ids[:-1], Ask(request, range(first - 1, len(ids) - 1), ids[first:]), (first,)
    if isinstance(request, RollingLogprob):
        ids = text.rolling(request.text)
        return ids[:-1], Ask(request, range(len(ids) - 1), ids[1:]), ()
    raise RequestError(f"{type(request).__name__} is not a question that this backend answers")


def blocks(ids: Ids) -> tuple[int, ...]:
    """Where a prompt is cut: it may share its opening with one after more of the same text, or with its next turn.

    That is up to the ids alone: whoever asks for them, the base finds the same tokens likeliest.
    """
    return tuple(range(BLOCK, len(ids), BLOCK))


def bucket(tokens: int) -> int:
    """The length to which so many tokens are padded where they are: by little, since large products gain nothing.

    >>> [bucket(n) for n in (1, 9, 64, 65, 300)]
    [4, 12, 64, 80, 304]
    """
    step = 4 if tokens <= 64 else 16
    return -(-tokens // step) * step


class Rows:
    """Rows to score: equal ids under an equal view are one row, whoever asks."""

    def __init__(self) -> None:
        self._rows: dict[tuple[View, Ids, tuple[int, ...]], Row] = {}

    @property
    def all(self) -> list[Row]:
        """In the order in which they were first asked for."""
        return list(self._rows.values())

    def add(self, view: View, ids: Ids, ask: Ask, cuts: Sequence[int] = ()) -> None:
        """Ask something of `ids` under `view`."""
        kept = tuple(c for c in cuts if LEAST_OPENING <= c < len(ids))
        self._rows.setdefault((view, ids, kept), Row(view, ids, kept)).asks.append(ask)

    def add_bases(self, known: dict[Ids, int]) -> None:
        """Ask the base view of every prompt whose support is not known as far as it is wanted.

        `known` is how many of the likeliest tokens are known, by prompt.
        """
        wanted: dict[Ids, tuple[int, tuple[int, ...]]] = {}
        for row in self.all:
            most = max(ask.top_k for ask in row.asks)
            wanted[row.ids] = max(wanted.get(row.ids, (0, ())), (most, row.cuts))
        for ids, (top_k, cuts) in wanted.items():
            if top_k > known.get(ids, 0):
                self.add(BASE, ids, Ask(None, range(len(ids) - 1, len(ids)), top_k=top_k), cuts)


@dataclass(eq=False)
class Piece:
    """Neighboring tokens of a sequence: they follow those of `before`, and stand at `at` in the long row.

    Those that were run before stand after the row's end, and `at` counts from there backwards, below zero.
    """

    view: View
    ids: Ids
    at: int
    before: Piece | None = None
    start: int = field(init=False)
    """The position in the sequence of the first of the tokens."""

    def __post_init__(self) -> None:
        self.start = self.before.stop if self.before else 0

    @property
    def stop(self) -> int:
        """The position in the sequence after the last of the tokens."""
        return self.start + len(self.ids)

    def opening(self) -> Ids:
        """The tokens of the sequence from its first one to this piece's last."""
        return tuple(i for piece in self.line() for i in piece.ids)

    def line(self) -> list[Piece]:
        """The pieces of the sequence from its first one to this."""
        found: list[Piece] = []
        piece: Piece | None = self
        while piece:
            found.append(piece)
            piece = piece.before
        return found[::-1]

    def places(self) -> list[int]:
        """Where in the long row each token of the sequence stands, up to this piece's last."""
        return [place for piece in self.line() for place in range(piece.at, piece.at + len(piece.ids))]


class Pieces:
    """Sequences as pieces, each opening that sequences of one view share once. Views should come one after another.

    `all` are to run; `held` are those that `known` says were run before.
    """

    def __init__(self, known: Callable[[Piece], bool]) -> None:
        self.all: list[Piece] = []
        self.held: list[Piece] = []
        self._known = known
        self._tokens = self._behind = 0
        self._found: dict[tuple[View, Piece | None, Ids, bool], Piece] = {}

    def add(self, view: View, ids: Ids, cuts: Sequence[int] = (), until: int = 0) -> Piece:
        """The last piece of a sequence. Nothing is read before position `until`: what is known so far need not run."""
        piece: Piece | None = None
        for low, high in _spans(len(ids), cuts):
            found = Piece(view, ids[low:high], 0, piece)
            known = high <= until and self._known(found)
            key = (view, piece, ids[low:high], known)
            if key not in self._found:
                self._found[key] = self._placed(found, known)
            piece = self._found[key]
        if piece is None:
            raise ValueError("a sequence has no tokens")
        return piece

    def _placed(self, piece: Piece, known: bool) -> Piece:
        size = len(piece.ids)
        if known:
            self._behind += size
            piece.at = -self._behind
            self.held.append(piece)
        else:
            piece.at = self._tokens
            self._tokens += size
            self.all.append(piece)
        return piece


def _spans(length: int, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    edges = [0, *cuts, length]
    return pairwise(edges)


def packs(rows: Sequence[Row], tokens: Callable[[], int]) -> Iterator[list[Row]]:
    """Rows in a canonical order, by view, the base first, and ids, in lists of about `tokens()` tokens.

    Cut between views where that leaves more than half, since equal groups share a product.
    """
    ordered = sorted(rows, key=lambda row: (row.view.key, row.ids, row.cuts))
    costs = [_added(row, before) for row, before in zip(ordered, [None, *ordered], strict=False)]
    low = 0
    while low < len(ordered):
        high, total, most = low + 1, len(ordered[low].ids), tokens()
        while high < len(ordered) and total + costs[high] <= most:
            total += costs[high]
            high += 1
        high = _between_views(ordered, low, high)
        yield ordered[low:high]
        low = high


def _added(row: Row, before: Row | None) -> int:
    """The tokens that a row adds to a list that ends with `before`."""
    if before is None or before.view != row.view:
        return len(row.ids)
    shared = [c for c in row.cuts if c in (*before.cuts, len(before.ids)) and row.ids[:c] == before.ids[:c]]
    return len(row.ids) - max(shared, default=0)


def _between_views(rows: Sequence[Row], low: int, high: int) -> int:
    whole = high
    while low < whole < len(rows) and rows[whole - 1].view == rows[whole].view:
        whole -= 1
    return whole if whole - low > (high - low) // 2 else high
