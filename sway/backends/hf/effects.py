"""The effect of an adapter at one module: tuned output minus base output, computed in float32 as peft does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import linear, pad

from sway.backends.hf.plan import MIN_ROWS


def add_product(h: torch.Tensor, b: torch.Tensor, out: torch.Tensor, scale: float) -> None:
    """Add scale * h @ b.T to `out` in place, for h (max(n, 16), r), b (out, r), out (n, out).

    Fewer rows than `MIN_ROWS` are padded, so that a row's result does not depend on how many share its product.
    """
    rows = out.shape[0]
    h = h * scale
    if rows >= MIN_ROWS:
        out.addmm_(h, b.t())
    else:
        out.copy_(pad(out, (0, 0, 0, MIN_ROWS - rows)).addmm_(h, b.t())[:rows])


def padded_rows(x: torch.Tensor) -> torch.Tensor:
    """`x` (n, in) in float32 with zero rows added up to `MIN_ROWS`."""
    x = x.float()
    return x if x.shape[0] >= MIN_ROWS else pad(x, (0, 0, 0, MIN_ROWS - x.shape[0]))


@dataclass(frozen=True, eq=False)
class LinearEffect:
    """scaling * (b @ a @ x + bias), with a (r, in), b (out, r)."""

    a: torch.Tensor
    b: torch.Tensor
    scaling: float
    bias: torch.Tensor | None = None

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`."""
        add_product(linear(padded_rows(x), self.a), self.b, out, self.scaling * scale)
        if self.bias is not None:
            out.add_(self.bias, alpha=self.scaling * scale)


def add_together(effects: Sequence[LinearEffect], scales: Sequence[float], x: torch.Tensor, out: torch.Tensor) -> None:
    """Add several plain effects to as many equal parts of `out` in place: one product, and the same bits as one by one.

    `x` (g * n, in) and `out` (g * n, out) hold the rows of the g effects one after another.
    """
    count = len(effects)
    rows = out.shape[0] // count
    inputs, outputs = x.float().view(count, rows, -1), out.view(count, rows, -1)
    if rows < MIN_ROWS:
        inputs, outputs = (pad(each, (0, 0, 0, MIN_ROWS - rows)) for each in (inputs, outputs))
    a, b = (torch.stack([getattr(effect, name) for effect in effects]) for name in ("a", "b"))
    factors = torch.tensor([e.scaling * s for e, s in zip(effects, scales, strict=True)], device=out.device)
    h = torch.bmm(inputs, a.transpose(1, 2)) * factors.view(-1, 1, 1)
    outputs.baddbmm_(h, b.transpose(1, 2))
    if rows < MIN_ROWS:
        out.view(count, rows, -1).copy_(outputs[:, :rows])


@dataclass(frozen=True, eq=False)
class EmbeddingEffect:
    """scaling * b @ a[:, token], with rows (tokens, r) = a.T and b (dim, r)."""

    rows: torch.Tensor
    b: torch.Tensor
    scaling: float

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`; `x` (n,) are token ids."""
        add_product(padded_rows(self.rows[x]), self.b, out, self.scaling * scale)


@dataclass(frozen=True, eq=False)
class DoraEffect:
    """DoRA (arXiv 2402.09353): gain * (W x + low) - W x, with gain (out,) = magnitude / ||W + Delta W|| by output.

    `inner` is the low-rank part with gain already in its factors; `bias` (out,) is the base's, outside the gain.
    """

    inner: LinearEffect | EmbeddingEffect
    gain_less_one: torch.Tensor
    bias: torch.Tensor | None

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`; `out` must hold the base's output."""
        product = out if self.bias is None else out - self.bias
        out.addcmul_(product, self.gain_less_one, value=scale)
        self.inner.add(x, out, scale)


@dataclass(frozen=True, eq=False)
class SavedEffect:
    """A module that was trained and saved whole: its output in place of the base's."""

    module: torch.nn.Module

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`. At scale 1 this is the saved module's output, exactly."""
        rows = x.shape[0]
        if x.is_floating_point() and rows < MIN_ROWS:
            x = pad(x, (0, 0, 0, MIN_ROWS - rows))
        tuned = self.module(x)[:rows].to(out.dtype)
        if scale == 1:
            out.copy_(tuned)
        else:
            out.add_(tuned - out, alpha=scale)


@dataclass(frozen=True, eq=False)
class SumEffect:
    """Several effects at one module."""

    parts: tuple[LinearEffect | EmbeddingEffect | VectorEffect, ...]

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`."""
        for part in self.parts:
            part.add(x, out, scale)


@dataclass(frozen=True, eq=False)
class VectorEffect:
    """A constant (out,) added to the output: a change of a bias."""

    vector: torch.Tensor

    def add(self, x: torch.Tensor, out: torch.Tensor, scale: float) -> None:
        """See `Effect`."""
        out.add_(self.vector, alpha=scale)
