"""Log-probabilities of single tokens: the product over the vocabulary block by block, so that no logits are kept.

Of each block only its maximum and its sum of exponentials stay, and the logits of the tokens asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import linear, pad

from sway.backends.hf.plan import MIN_ROWS

ROWS, WORDS = 256, 2048
"""The size of a block: of this size its logits stay in a processor core's cache."""


@dataclass(frozen=True)
class Scored:
    """By pair of a state and a token: `logprobs` (n,) in nats, `greedy` (n,), and whether the state's are `finite`."""

    logprobs: NDArray[np.float64]
    greedy: NDArray[np.bool_]
    finite: NDArray[np.bool_]


def plain(head: Any) -> bool:
    """Whether an output layer is a matrix and nothing else: no adapter acts on it, and its weights are not packed."""
    return (
        type(head) is torch.nn.Linear
        and head.weight.is_floating_point()
        and not (head._forward_hooks or head._forward_pre_hooks)  # noqa: SLF001  # what hooks a module is not public
    )


def score(
    head: torch.nn.Linear,
    states: torch.Tensor,
    pairs: Sequence[tuple[int, int]],
    finish: Callable[[torch.Tensor], torch.Tensor],
) -> Scored:
    """Score tokens after hidden states (m, H), for pairs of an index into the states and a token.

    `finish` is what the model does to logits, each by itself. A state's numbers do not depend on the others.
    """
    count = states.shape[0]
    if count < MIN_ROWS:
        states = pad(states, (0, 0, 0, MIN_ROWS - count))
    found = _Sums(states.shape[0], pairs, states.device)
    chunks = _chunks(states.shape[0])
    wanted = _by_block(pairs, chunks)
    for start in range(0, head.weight.shape[0], WORDS):
        weight = head.weight[start : start + WORDS]
        bias = None if head.bias is None else head.bias[start : start + WORDS]
        for number, (low, high) in enumerate(chunks):
            logits = finish(linear(states[low:high], weight, bias).float())
            found.add(logits, low, high, wanted.get((start // WORDS, number), ()), start)
    return found.scored()


def _chunks(rows: int) -> list[tuple[int, int]]:
    """Ranges of at most `ROWS`, none smaller than `MIN_ROWS`.

    >>> _chunks(257)
    [(0, 241), (241, 257)]
    """
    edges = list(range(0, rows, ROWS))
    if len(edges) > 1 and rows - edges[-1] < MIN_ROWS:
        edges[-1] = rows - MIN_ROWS
    return list(zip(edges, [*edges[1:], rows], strict=True))


def _by_block(pairs: Sequence[tuple[int, int]], chunks: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """The pairs whose logits each block holds, by the block's number in the vocabulary and of its chunk."""
    starts = np.array([low for low, _ in chunks])
    numbers = np.searchsorted(starts, [state for state, _ in pairs], side="right") - 1
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, ((_, token), number) in enumerate(zip(pairs, numbers.tolist(), strict=True)):
        found[token // WORDS, number].append(index)
    return found


class _Sums:
    """What is known of each state's logits so far."""

    def __init__(self, rows: int, pairs: Sequence[tuple[int, int]], device: torch.device) -> None:
        self.peak = torch.full((rows,), -torch.inf, device=device)
        self.mass = torch.zeros(rows, device=device)
        self.taken = torch.zeros(len(pairs), device=device)
        self.states, self.tokens = torch.tensor(pairs, dtype=torch.long, device=device).unbind(1)

    def add(self, logits: torch.Tensor, low: int, high: int, wanted: Sequence[int], start: int) -> None:
        """Take in the logits of the words from `start` on for states `low` to `high`."""
        before = self.peak[low:high]
        peak = torch.maximum(before, logits.amax(-1))
        shift = torch.where(peak == -torch.inf, 0.0, peak)
        weights = torch.sub(logits, shift.unsqueeze(-1)).exp_().sum(-1)
        self.mass[low:high] = self.mass[low:high] * (before - shift).exp() + weights
        self.peak[low:high] = peak
        if wanted:
            index = torch.tensor(wanted, device=logits.device)
            self.taken[index] = logits[self.states[index] - low, self.tokens[index] - start]

    def scored(self) -> Scored:
        peak, mass = self.peak[self.states], self.mass[self.states]
        finite = torch.isfinite(peak) & torch.isfinite(mass)
        logprobs = (self.taken - peak - mass.log()).cpu().double()
        return Scored(logprobs.numpy(), (self.taken == peak).cpu().numpy(), finite.cpu().numpy())
