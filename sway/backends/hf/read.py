"""Reads answers off logits. A row's result never depends on the other rows: every reduction is within a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_BLOCK = 64


@dataclass(frozen=True)
class Reading:
    """Logits (m, V) in float32 with m >= 2, and by row the highest logit, and sum of exp(logit - highest)."""

    logits: torch.Tensor
    peak: torch.Tensor
    mass: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor) -> Reading:
        """Read logits (m, V). With one row alone the sum would be split differently, hence m >= 2."""
        peak = logits.amax(-1, keepdim=True)
        weights = torch.sub(logits, peak).exp_()
        return cls(logits, peak, weights.sum(-1, keepdim=True), weights)

    def finite(self) -> NDArray[np.bool_]:
        """Whether each row is a distribution (m,)."""
        return np.asarray((torch.isfinite(self.peak) & torch.isfinite(self.mass)).squeeze(-1).cpu().numpy())

    def logprobs(self, ids: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (m, k) in nats of the tokens `ids` (m, k)."""
        return self.logits.gather(1, ids) - self.peak - self.mass.log()

    def pairs(self, rows: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities (k,) in nats of token `ids` (k,) in `rows` (k,), and whether each is a likeliest one."""
        logits, peak = self.logits[rows, ids], self.peak[rows, 0]
        return logits - peak - self.mass[rows, 0].log(), logits == peak

    def others(self, ids: torch.Tensor) -> torch.Tensor:
        """The log-probability (m,) of all tokens but `ids` (m, k): summed, since a difference from one loses digits."""
        kept = self.weights.gather(1, ids)
        rest = self.weights.scatter_(1, ids, 0.0).sum(-1)
        self.weights.scatter_(1, ids, kept)
        return rest.log() - self.mass.squeeze(-1).log()


def top_tokens(logits: torch.Tensor, k: int) -> torch.Tensor:
    """The ids (m, k) of the k highest logits of each row (m, V), highest first.

    The k highest lie in the k blocks with the highest maxima, so that only those are searched.
    """
    rows, vocabulary = logits.shape
    blocks = vocabulary // _BLOCK
    if blocks <= 4 * k:
        return logits.topk(min(k, vocabulary)).indices
    cut = blocks * _BLOCK
    tiled = logits[:, :cut].reshape(rows, blocks, _BLOCK)
    best = tiled.amax(-1).topk(k).indices
    ids = (best.unsqueeze(-1) * _BLOCK + torch.arange(_BLOCK, device=logits.device)).flatten(1)
    tail = torch.arange(cut, vocabulary, device=logits.device).expand(rows, -1)
    ids = torch.cat([ids, tail], dim=1)
    return ids.gather(1, logits.gather(1, ids).topk(k).indices)


def support(row: torch.Tensor, k: int) -> torch.Tensor:
    """The ids (k,) of the k highest logits of one row (V,), highest first, ties by id: a larger k extends a smaller."""
    k = min(k, row.shape[0])
    least = row.topk(k).values[-1]
    ids = (row >= least).nonzero().squeeze(-1)
    return ids[torch.sort(row[ids], descending=True, stable=True).indices[:k]]
