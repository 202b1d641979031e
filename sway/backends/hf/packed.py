"""Many sequences as one long row of tokens: everything but attention runs over the row, attention by sequence.

The model's own forward runs with a batch of one, and calls `attend` in place of its attention.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention

from sway.backends.hf.intake import Piece
from sway.backends.hf.openings import Layers

NAME = "sway_packed"
_STEP = 16


class Unpackable(RuntimeError):
    """The model's attention wants what sequences in one row cannot have."""


class Layout(Protocol):
    """Which tokens of the long row attend to which."""

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, how: How) -> torch.Tensor:
        """What attention gives each token (n, heads, dim), for queries, keys and values of all tokens alike."""
        ...


@dataclass(frozen=True)
class How:
    """What a layer says of its attention: the factor of its scores, and how many keys back a query sees."""

    scale: float | None
    window: int | None


_LAYOUT: ContextVar[Layout | None] = ContextVar("layout", default=None)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it, for (1, heads, tokens, dim); gives (1, tokens, heads, dim).

    Raises:
        Unpackable: the layer asks for something that is not done here.
    """
    layout = _LAYOUT.get()
    if layout is None or attention_mask is not None or query.shape[0] != 1 or _strange(module, more):
        raise Unpackable("this attention cannot be packed")
    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    return layout.attend(q, k, v, How(scaling, sliding_window)).unsqueeze(0), None


_HARMLESS = frozenset({"position_ids", "cache_position", "is_causal", "use_cache", "output_attentions", "dropout"})


def _strange(module: Any, more: dict[str, Any]) -> bool:
    if getattr(module, "is_causal", True) is False or more.get("is_causal") is False:
        return True
    return any(value is not None and value is not False for name, value in more.items() if name not in _HARMLESS)


@contextmanager
def packed_attention(model: Any, layout: Layout) -> Iterator[None]:
    """Have the model attend as `layout` says.

    Raises:
        Unpackable: this model, or this version of transformers, takes no other attention.
    """
    configs = _configs(model)
    before = [config._attn_implementation for config in configs]  # noqa: SLF001  # the setting has no public name
    token = _LAYOUT.set(layout)
    try:
        for config in configs:
            config._attn_implementation = NAME  # noqa: SLF001
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name  # noqa: SLF001
        _LAYOUT.reset(token)


def _configs(model: Any) -> list[Any]:
    try:
        from transformers import AttentionInterface
    except ImportError:
        raise Unpackable("this version of transformers has one attention a model") from None
    AttentionInterface.register(NAME, attend)
    found = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    if not all(hasattr(config, "_attn_implementation") for config in found.values()):
        raise Unpackable("this model's attention cannot be chosen")
    return list(found.values())


@dataclass(frozen=True, eq=False)
class Flock:
    """Pieces of about one size: tokens `queries` (n, s) attend to `keys` (n, p + s), both padded.

    Of a piece's queries the first `real` are its own; of its keys, the first `past` and, from p on, its own.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    past: torch.Tensor
    real: torch.Tensor
    flat: torch.Tensor
    places: torch.Tensor

    def mask(self, window: int | None) -> torch.Tensor | None:
        """Which keys (n, 1, s, p + s) each query sees; None where it is all up to itself."""
        size, most = self.queries.shape[1], self.keys.shape[1]
        room = most - size
        if not room and (window is None or size <= window):
            return None
        device = self.queries.device
        query, key = torch.arange(size, device=device), torch.arange(most, device=device)
        back = (
            self.past.view(-1, 1, 1)
            + query.view(1, -1, 1)
            - torch.where(key < room, key, key - room + self.past.view(-1, 1, 1))
        )
        seen = (back >= 0) & ((key >= room) | (key < self.past.view(-1, 1, 1)))
        if window is not None:
            seen &= back < window
        return seen.unsqueeze(1)


@dataclass(eq=False)
class Sequences:
    """The layout of pieces: each sequence sees itself. `kept` gathers keys and values by layer, where it is a list.

    `before` are each layer's keys and values of pieces that were run before.
    """

    flocks: list[Flock]
    before: Layers = ()
    kept: list[tuple[torch.Tensor, torch.Tensor]] | None = None
    calls: int = 0
    _masks: dict[tuple[int, int | None], torch.Tensor | None] = field(default_factory=dict)

    @classmethod
    def of(cls, pieces: Sequence[Piece], device: torch.device, *, keep: bool = False, before: Layers = ()) -> Sequences:
        """The layout of a long row."""
        sizes: dict[tuple[int, int], list[Piece]] = defaultdict(list)
        for piece in pieces:
            sizes[_up(piece.start), _up(len(piece.ids))].append(piece)
        flocks = [_flock(same, room, size, device) for (room, size), same in sorted(sizes.items())]
        return cls(flocks, before, [] if keep else None)

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, how: How) -> torch.Tensor:
        """See `Layout`."""
        if self.before:
            k, v = (torch.cat(both) for both in zip((k, v), self.before[self.calls], strict=True))
        self.calls += 1
        if self.kept is not None:
            self.kept.append((k, v))
        out = q.new_zeros(q.shape[0], q.shape[1], v.shape[-1])
        for index, flock in enumerate(self.flocks):
            mask = self._mask(index, how.window)
            groups = q.shape[1] // k.shape[1]
            found = scaled_dot_product_attention(
                q[flock.queries].transpose(1, 2),
                _spread(k[flock.keys].transpose(1, 2), groups),
                _spread(v[flock.keys].transpose(1, 2), groups),
                attn_mask=mask,
                is_causal=mask is None,
                scale=how.scale,
            )
            out[flock.places] = found.transpose(1, 2).flatten(0, 1)[flock.flat]
        return out

    def _mask(self, index: int, window: int | None) -> torch.Tensor | None:
        if (index, window) not in self._masks:
            self._masks[index, window] = self.flocks[index].mask(window)
        return self._masks[index, window]


def _spread(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Keys or values (n, heads, s, dim), each head `groups` times."""
    return x if groups == 1 else x.repeat_interleave(groups, dim=1)


def _up(tokens: int) -> int:
    return -(-tokens // _STEP) * _STEP


def _flock(pieces: Sequence[Piece], room: int, size: int, device: torch.device) -> Flock:
    queries, keys = [], []
    for piece in pieces:
        own = list(range(piece.at, piece.at + len(piece.ids)))
        own += [piece.at] * (size - len(own))
        past = piece.before.places() if piece.before else []
        queries.append(own)
        keys.append([*past, *[piece.at] * (room - len(past)), *own])
    flat = [i * size + j for i, piece in enumerate(pieces) for j in range(len(piece.ids))]
    places = [piece.at + j for piece in pieces for j in range(len(piece.ids))]
    return Flock(
        *(
            torch.tensor(each, dtype=torch.long, device=device)
            for each in (queries, keys, [p.start for p in pieces], [len(p.ids) for p in pieces], flat, places)
        )
    )
