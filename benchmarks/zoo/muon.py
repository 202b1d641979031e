"""An optimizer that teaches a small model in about two thirds of AdamW's steps.

Matrices within the blocks move along the orthogonalised momentum of their gradients (Jordan et al. 2024,
"Muon: an optimizer for hidden layers"); embeddings, norms and biases by Adam.
"""

from __future__ import annotations

from typing import Any

import torch

_MATRICES, _DECAY = 5.0, 0.01
"""How much faster matrices are moved than the rest, and the decay of their weights."""


class Muon(torch.optim.Optimizer):
    """Takes a model whose embeddings' names hold `embed` and whose `lr` is Adam's."""

    def __init__(self, model: Any, lr: float) -> None:
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        inner = [p for n, p in trained if p.ndim == 2 and "embed" not in n]
        rest = [p for n, p in trained if p.ndim != 2 or "embed" in n]
        shapes = sorted({tuple(p.shape) for p in inner})
        groups = [{"params": [p for p in inner if tuple(p.shape) == s], "lr_factor": _MATRICES} for s in shapes]
        super().__init__([*groups, {"params": rest, "lr_factor": 1.0}], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step along the gradients that are there."""
        for group in self.param_groups[:-1]:
            self._turn(group["params"], group["lr"])
        for p in self.param_groups[-1]["params"]:
            self._adam(p, self.param_groups[-1]["lr"])

    def _turn(self, matrices: list[torch.Tensor], lr: float) -> None:
        gradients = torch.stack([p.grad for p in matrices])
        momentum = self.state[matrices[0]].setdefault("momentum", torch.zeros_like(gradients))
        momentum.mul_(0.95).add_(gradients)
        rows, columns = matrices[0].shape
        moves = _orthogonal(gradients + 0.95 * momentum) * max(1, rows / columns) ** 0.5
        for p, move in zip(matrices, moves, strict=True):
            p.mul_(1 - lr * _DECAY).sub_(lr * move)

    def _adam(self, p: torch.Tensor, lr: float) -> None:
        state = self.state[p]
        mean, square = (state.setdefault(k, torch.zeros_like(p)) for k in ("mean", "square"))
        state["steps"] = state.get("steps", 0) + 1
        mean.lerp_(p.grad, 0.1)
        square.lerp_(p.grad**2, 0.02)
        unbiased = mean / (1 - 0.9 ** state["steps"]), square / (1 - 0.98 ** state["steps"])
        p.sub_(lr * unbiased[0] / (unbiased[1].sqrt() + 1e-8))


def _orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Matrices (n, rows, columns) with their singular values brought near one, by Newton and Schulz's iteration."""
    x = stack / (stack.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x.mT if tall else x
