"""Rows through the model, as one long row where the model can be packed, padded to one width where it cannot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from sway.backends.hf.intake import Pieces, Row
from sway.backends.hf.packed import Sequences
from sway.backends.hf.plan import Group
from sway.backends.hf.runner import Runner


@dataclass(frozen=True)
class States:
    """Hidden states (n, H), the groups of them that show a view, and where each row's positions are among them."""

    states: torch.Tensor
    groups: list[Group]
    places: list[Sequence[int]]

    def only(self, chosen: Sequence[int]) -> tuple[torch.Tensor, list[Group]]:
        """The states at `chosen` places, which increase, and their groups."""
        picked = self.states[torch.tensor(chosen, device=self.states.device)]
        edges = [(bisect_left(chosen, g.start), bisect_left(chosen, g.stop), g) for g in self.groups]
        return picked, [replace(g, start=low, stop=high) for low, high, g in edges if low < high]


def states(runner: Runner, rows: Sequence[Row]) -> States:
    """The hidden states of rows, neighbors sharing views."""
    return packed(runner, rows) if runner.packs else padded(runner, rows)


def packed(runner: Runner, rows: Sequence[Row]) -> States:
    """All rows as one, with what they share once."""
    pieces = Pieces(runner.openings.has)
    ends = [pieces.add(row.view, row.ids, row.cuts, row.read_from) for row in rows]
    going = [end for end, row in zip(ends, rows, strict=True) if row.goes_on]
    layout = laid_out(runner, pieces, keep=bool(going))
    groups = runner.groups([p.view for p in pieces.all], [len(p.ids) for p in pieces.all])
    found = States(long(runner, pieces, layout, groups), groups, [end.places() for end in ends])
    for end in going:
        runner.openings.keep([p for p in end.line() if p.at >= 0], layout.kept or ())
    return found


def laid_out(runner: Runner, pieces: Pieces, *, keep: bool) -> Sequences:
    """The layout of pieces, with the keys and values of those that were run before."""
    before = runner.openings.layers(pieces.held)
    return Sequences.of(pieces.all, runner.device, keep=keep, before=before)


def long(runner: Runner, pieces: Pieces, layout: Sequences, groups: list[Group]) -> torch.Tensor:
    """The hidden states (n, H) of all pieces, and of some filling."""
    ids = [i for piece in pieces.all for i in piece.ids]
    places = [i for piece in pieces.all for i in range(piece.start, piece.stop)]
    return runner.long(ids, places, layout, groups, len(pieces.all))


def padded(runner: Runner, rows: Sequence[Row]) -> States:
    """Rows padded on the right to the longest one's width."""
    width = max(row.width for row in rows)
    groups = runner.groups([row.view for row in rows])
    found = runner.score(runner.padded([row.ids for row in rows], width), groups).flatten(0, 1)
    wide = [replace(g, start=g.start * width, stop=g.stop * width) for g in groups]
    return States(found, wide, [range(i * width, i * width + len(row.ids)) for i, row in enumerate(rows)])
