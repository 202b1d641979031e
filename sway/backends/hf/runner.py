"""Runs one loaded model: hidden states of a batch of rows, then logits of chosen positions only.

The model's own code runs up to its output layer, whose product over the vocabulary is held back and done
afterwards for the positions asked for, in chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from sway.backends.hf import vocabulary
from sway.backends.hf.budget import text_settings, width_within
from sway.backends.hf.lora import Views
from sway.backends.hf.openings import Openings
from sway.backends.hf.packed import Layout, packed_attention
from sway.backends.hf.plan import MIN_ROWS, Group, Plan, within
from sway.backends.hf.read import Reading
from sway.core.errors import BackendError
from sway.core.views import View

CHUNK = 128
_VECTOR, _GRAIN = 64, 32768
"""Numbers that one step of torch's loops takes at most, and the fewest for which it starts another thread."""


@dataclass
class Cost:
    """What has been run so far."""

    forward_passes: int = 0
    rows: int = 0
    tokens: int = 0


@dataclass
class Runner:
    """A model, its plan, and the views it can show (None: the base only)."""

    model: Any
    plan: Plan
    views: Views | None
    pad: int
    packs: bool = False
    openings: Openings = field(default_factory=Openings)
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        self.head = self.model.get_output_embeddings()
        if not isinstance(self.head, torch.nn.Module):
            raise BackendError("the model has no output layer to read", mend="sway scores causal language models")
        self._held: torch.Tensor | None = None
        self._projecting = False
        self._project = self.head.forward
        self.head.forward = self._hold
        self.device = next(self.model.parameters()).device
        self.settings = text_settings(self.model)
        self.wide = width_within(self.settings)

    def close(self) -> None:
        """Give the model its output layer back."""
        del self.head.forward

    def groups(self, views: Sequence[View], counts: Sequence[int] | None = None) -> list[Group]:
        """The groups of rows where each of `views` is shown by `counts` rows, or by one."""
        return self.views.groups(views, counts) if self.views else []

    def hidden(self, ids: torch.Tensor, groups: list[Group], **arguments: Any) -> tuple[torch.Tensor, Any]:
        """Hidden states (rows, width, H) before the output layer for ids (rows, width), and the model's output."""
        rows, width = ids.shape
        packed = "position_ids" in arguments and "attention_mask" not in arguments
        self.plan.set(*((width, 1) if packed else (rows, width)), groups, packed=packed)
        self.plan.paused = False
        self._held = None
        try:
            output = self.model(input_ids=ids, **arguments)
        finally:
            self.plan.clear()
        held = self._taken()
        if held is None or held.shape[:2] != ids.shape:
            mend = "this architecture is not supported"
            raise BackendError("the model does not use its output layer as expected", mend=mend)
        self.cost.forward_passes += 1
        self.cost.rows += 0 if packed else rows
        self.cost.tokens += rows * width
        return held, output

    def _taken(self) -> torch.Tensor | None:
        held, self._held = self._held, None
        return held

    def long(
        self, ids: Sequence[int], places: Sequence[int], layout: Layout, groups: list[Group], sequences: int
    ) -> torch.Tensor:
        """Hidden states (m, H) of one long row of n tokens, at `places` in their sequences; beyond n is filling."""
        filling = [0] * (even(len(ids), self.wide, torch.get_num_threads()) - len(ids))
        row, where = (torch.tensor([[*each, *filling]], dtype=torch.long, device=self.device) for each in (ids, places))
        with packed_attention(self.model, layout):
            states, _ = self.hidden(row, groups, position_ids=where, use_cache=False)
        self.cost.rows += sequences
        return states[0]

    def score(self, ids: torch.Tensor, groups: list[Group]) -> torch.Tensor:
        """Hidden states of rows that are padded on the right: causal attention makes the padding harmless."""
        return self.hidden(ids, groups, use_cache=False)[0]

    def logits(self, hidden: torch.Tensor, groups: list[Group]) -> torch.Tensor:
        """Logits (m, V) in float32 of hidden states (n, H), m = max(n, 16): the rows beyond n are padding."""
        rows = hidden.shape[0]
        if rows < MIN_ROWS:
            hidden = torch.nn.functional.pad(hidden, (0, 0, 0, MIN_ROWS - rows))
        self.plan.set(hidden.shape[0], 1, groups)
        self.plan.paused = False
        self._projecting = True
        try:
            return self._finish(self.head(hidden).float())
        finally:
            self._projecting = False
            self.plan.clear()

    def score_pairs(
        self, hidden: torch.Tensor, groups: list[Group], pairs: Sequence[tuple[int, int]]
    ) -> vocabulary.Scored:
        """Score tokens after hidden states (n, H): `pairs` of an index into the states and a token."""
        if vocabulary.plain(self.head):
            return vocabulary.score(self.head, hidden, pairs, self._finish)
        rows = np.array([row for row, _ in pairs])
        logprobs, greedy, finite = np.zeros(len(pairs)), *np.zeros((2, len(pairs)), dtype=bool)
        for low, high in chunks(len(hidden)):
            here = np.flatnonzero((rows >= low) & (rows < high)).tolist()
            reading = Reading.of(self.logits(hidden[low:high], within(groups, low, high)))
            at, ids = torch.tensor([(pairs[i][0] - low, pairs[i][1]) for i in here], device=hidden.device).unbind(1)
            scored, likeliest = reading.pairs(at, ids)
            logprobs[here], greedy[here] = scored.cpu().double().numpy(), likeliest.cpu().numpy()
            finite[here] = reading.finite()[at.cpu().numpy()]
        return vocabulary.Scored(logprobs, greedy, finite)

    def _hold(self, hidden: torch.Tensor) -> torch.Tensor:
        """In place of the output layer's forward: keep what it is given, unless it is asked for on purpose."""
        if self._projecting:
            return torch.as_tensor(self._project(hidden))
        self._held = hidden
        self.plan.paused = True  # the model's own call of the output layer has no rows to add to
        return hidden.new_zeros(hidden.shape[0], 1, 1)

    def _finish(self, logits: torch.Tensor) -> torch.Tensor:
        """What some models do to logits after the output layer; `check` compares the outcome with the model's own."""
        settings = self.settings
        if divisor := getattr(settings, "logits_scaling", None):
            logits = logits / divisor
        if factor := getattr(settings, "logit_scale", None):
            logits = logits * factor
        if cap := getattr(settings, "final_logit_softcapping", None):
            logits = torch.tanh(logits / cap) * cap
        return logits

    def own_logits(self, ids: torch.Tensor) -> torch.Tensor:
        """The model's own logits (rows, width, V), with nothing held back and no adapter."""
        self._projecting = True
        try:
            return torch.as_tensor(self.model(input_ids=ids, use_cache=False).logits).float()
        finally:
            self._projecting = False

    def padded(self, rows: Sequence[Sequence[int]], width: int) -> torch.Tensor:
        """Rows of ids padded on the right to `width`, and with rows of padding to at least 16 tokens in all."""
        count = max(len(rows), -(-MIN_ROWS // width))
        table = [[*row, *[self.pad] * (width - len(row))] for row in rows]
        table += [[self.pad] * width] * (count - len(rows))
        return torch.tensor(table, dtype=torch.long, device=self.device)


def even(tokens: int, wide: int, threads: int) -> int:
    """So many tokens, or a few more: at least 16, of `wide` numbers each, such that threads share them evenly.

    torch gives each thread an equal part of an activation, and computes what is left over at a part's end in another
    way, to another last digit. With parts of whole vectors there is nothing left over.

    >>> even(5, 1536, 2), even(343, 96, 2), even(343, 96, 1)
    (16, 344, 344)
    """
    tokens = max(tokens, MIN_ROWS)
    while tokens * wide % (_VECTOR * min(threads, -(-tokens * wide // _GRAIN))):
        tokens += 1
    return tokens


def chunks(total: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most `CHUNK` that cover `total`.

    >>> list(chunks(130))
    [(0, 128), (128, 130)]
    """
    return ((low, min(low + CHUNK, total)) for low in range(0, total, CHUNK))
