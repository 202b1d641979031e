"""Keys and values of what was read before: the next turn of a conversation begins with the tokens of its last one.

They are kept by blocks of tokens, and a block is kept or used only where the sequence is cut into blocks up to its
end. So it holds the numbers, to the last digit, that running its tokens again would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from sway.backends.hf.intake import BLOCK, Piece
from sway.backends.hf.text import Ids
from sway.core.views import View

Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Each layer's keys and values (tokens, heads, dim)."""


@dataclass
class Openings:
    """Blocks of at most `room` tokens in all. What a round neither made nor used is dropped when the next starts."""

    room: int = 0
    _held: dict[tuple[View, Ids], Layers] = field(default_factory=dict)
    _touched: set[tuple[View, Ids]] = field(default_factory=set)

    @property
    def tokens(self) -> int:
        """How many tokens are held."""
        return BLOCK * len(self._held)

    def start(self, room: int) -> None:
        """Begin a round of questions, with `room` for so many tokens."""
        kept = [key for key in self._held if key in self._touched]
        self._held = {key: self._held[key] for key in kept[: room // BLOCK]}
        self._touched.clear()
        self.room = room

    def clear(self) -> None:
        """Forget all: memory ran out."""
        self._held.clear()
        self.room = 0

    def has(self, piece: Piece) -> bool:
        """Whether a piece is held."""
        return _is_block(piece) and _key(piece) in self._held

    def layers(self, pieces: Sequence[Piece]) -> Layers:
        """The keys and values of pieces that are held, the first one's last, as `Pieces` places them."""
        found = []
        for piece in reversed(pieces):
            key = _key(piece)
            self._touched.add(key)
            found.append(self._held[key])
        return [(torch.cat([k for k, _ in same]), torch.cat([v for _, v in same])) for same in zip(*found, strict=True)]

    def keep(self, pieces: Sequence[Piece], layers: Layers) -> None:
        """Hold the blocks among pieces of a row that has just run, as far as there is room."""
        for piece in pieces:
            if not _is_block(piece) or self.has(piece) or self.tokens + BLOCK > self.room:
                continue
            key = _key(piece)
            part = slice(piece.at, piece.at + BLOCK)
            self._held[key] = [(k[part].clone(), v[part].clone()) for k, v in layers]
            self._touched.add(key)


def _key(piece: Piece) -> tuple[View, Ids]:
    return piece.view, piece.opening()


def _is_block(piece: Piece) -> bool:
    return all(len(part.ids) == BLOCK for part in piece.line())
