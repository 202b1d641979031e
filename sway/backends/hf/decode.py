"""Continues prompts, packed: prompts run as one long row, and each step is a row of one token a line.

Keys and values are held here, a line beside the other. A line meets as many keys as its own length says, whatever
the others' lengths, so that what it writes does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

from sway.backends.hf.generate import Line
from sway.backends.hf.intake import Piece, Pieces, blocks
from sway.backends.hf.packed import How, Sequences
from sway.backends.hf.passes import laid_out, long
from sway.backends.hf.plan import Group, within
from sway.backends.hf.runner import Runner, chunks

_STEP = 32
_MOST = 64


def _up(tokens: int) -> int:
    return -(-tokens // _STEP) * _STEP


def lists(lines: Sequence[Line], tokens: Callable[[], int]) -> Iterator[list[Line]]:
    """Lines to write together: by view and length, at most `_MOST`, with about `tokens()` tokens held at the end."""
    found: list[Line] = []
    held = 0
    for line in sorted(lines, key=lambda line: (line.request.view.key, len(line.ids), line.ids)):
        cost = _up(len(line.ids) + line.request.max_new_tokens)
        if found and (len(found) >= _MOST or held + cost > tokens()):
            yield found
            found, held = [], 0
        found.append(line)
        held += cost
    if found:
        yield found


@dataclass(eq=False)
class Held:
    """Lines that are being continued, with the keys and values (lines, heads, room, dim) of each layer so far."""

    lines: list[Line]
    lengths: torch.Tensor
    last: torch.Tensor
    layers: list[list[torch.Tensor]]
    groups: list[Group]
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    _layer: int = 0
    _started: bool = False

    @classmethod
    def start(cls, runner: Runner, lines: Sequence[Line], tokens: int) -> Held:
        """Run the prompts, about `tokens` tokens a pass."""
        lengths = torch.tensor([len(line.ids) for line in lines], device=runner.device)
        most = int(lengths.max())
        last, parts = [], []
        for some in _passes(lines, tokens):
            pieces = Pieces(runner.openings.has)
            ends = [pieces.add(line.request.view, line.ids, blocks(line.ids), len(line.ids) - 1) for line in some]
            layout = laid_out(runner, pieces, keep=True)
            groups = runner.groups([p.view for p in pieces.all], [len(p.ids) for p in pieces.all])
            states = long(runner, pieces, layout, groups)
            last.append(states[[end.at + len(end.ids) - 1 for end in ends]])
            parts.append(_gathered(layout, ends, most))
        layers = [[torch.cat(same) for same in zip(*layer, strict=True)] for layer in zip(*parts, strict=True)]
        groups = runner.groups([line.request.view for line in lines])
        return cls([*lines], lengths, torch.cat(last), layers, groups)

    def step(self, runner: Runner) -> Iterator[torch.Tensor]:
        """The logits (m, V) that follow each line, in chunks of lines."""
        if self._started:
            self.last = self._forward(runner)[: len(self.lines)]
            self.lengths += 1
        self._started = True
        for low, high in chunks(len(self.lines)):
            yield runner.logits(self.last[low:high], within(self.groups, low, high))

    def keep(self, runner: Runner, going: Sequence[int]) -> None:
        """Drop ended lines once a third has ended; with none left there is nothing more to do."""
        if not going:
            self.lines = []
        if not going or 3 * len(going) > 2 * len(self.lines):
            return
        chosen = torch.tensor(going, device=runner.device)
        self.layers = [[each[chosen] for each in layer] for layer in self.layers]
        self.lengths = self.lengths[chosen]
        self.lines = [self.lines[i] for i in going]
        self.groups = runner.groups([line.request.view for line in self.lines])

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, how: How) -> torch.Tensor:
        """See `Layout`: each line's one query sees all keys of the line."""
        count = len(self.lines)
        each = torch.arange(count, device=q.device)
        layer = self.layers[self._layer]
        self._layer += 1
        for held, new in zip(layer, (k, v), strict=True):
            held[each, :, self.lengths] = new[:count]
        out = q.new_zeros(q.shape[0], q.shape[1], v.shape[-1])
        for low, high, size in self.runs:
            heads = (high - low, k.shape[1], q.shape[1] // k.shape[1], q.shape[2])
            keys, values = (held[low:high, :, :size] for held in layer)
            found = scaled_dot_product_attention(
                q[low:high].reshape(heads),
                keys,
                values,
                attn_mask=self._seen(low, high, size, how.window),
                scale=how.scale,
            )
            out[low:high] = found.flatten(1, 2)
        return out

    def _seen(self, low: int, high: int, size: int, window: int | None) -> torch.Tensor:
        back = self.lengths[low:high, None] - torch.arange(size, device=self.lengths.device)
        seen = (back >= 0) if window is None else (back >= 0) & (back < window)
        return seen[:, None, None, :]

    def _forward(self, runner: Runner) -> torch.Tensor:
        """The hidden states after each line's last token."""
        lengths = self.lengths.tolist()
        room = self.layers[0][0].shape[2]
        if max(lengths) >= room:
            self.layers = [[pad(each, (0, 0, 0, _STEP)) for each in layer] for layer in self.layers]
        sizes = [_up(length + 1) for length in lengths]
        low, self.runs = 0, []
        for size, same in groupby(sizes):
            high = low + len(list(same))
            self.runs.append((low, high, size))
            low = high
        ids = [line.written[-1] if line.written else runner.pad for line in self.lines]
        self._layer = 0
        return runner.long(ids, lengths, self, self.groups, len(self.lines))


def _passes(lines: Sequence[Line], tokens: int) -> Iterator[list[Line]]:
    found: list[Line] = []
    for line in lines:
        if found and sum(len(each.ids) for each in found) + len(line.ids) > tokens:
            yield found
            found = []
        found.append(line)
    yield found


def _gathered(layout: Sequences, ends: Sequence[Piece], most: int) -> list[tuple[torch.Tensor, ...]]:
    """Each layer's keys and values (lines, heads, room, dim); beyond a line's length they hold its first token's."""
    room = _up(most + 1)
    rows = [[*end.places(), *[end.line()[0].at] * (room - end.stop)] for end in ends]
    index = torch.tensor(rows, device=layout.flocks[0].queries.device)
    return [tuple(each[index].transpose(1, 2).contiguous() for each in layer) for layer in layout.kept or ()]
