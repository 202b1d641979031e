"""Null adapters: random updates of the same shape and size as a trained one, drawn with NumPy.

Every tensor's stream is seeded from the draw and the tensor's own name, never from the order of drawing, so a null is
the same whatever else is drawn. `rank_multiplier` scales the same draw, so that a rank profile is one direction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sway.backends.adapter import LowRank, product_norm
from sway.backends.tensors import Array
from sway.core.views import NullDraw, NullFamily

_SAVED_RANK = 64


@dataclass(frozen=True, eq=False)
class Factors:
    """A plain low-rank update scaling * b @ a, with a (r, in), b (out, r), and a bias (out,) before scaling."""

    a: Array
    b: Array
    scaling: float
    bias: Array | None = None


def stream(draw: NullDraw, module: str, tensor: str) -> np.random.Generator:
    """The random stream of one tensor of one null."""
    name = "\0".join((str(draw.seed), str(draw.index), draw.family, module, tensor))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")))


def null_update(update: LowRank, draw: NullDraw) -> Factors:
    """A null counterpart of a trained update. DoRA's trained magnitude has none: the null is plain LoRA.

    matched: Gaussian factors with ||Delta W||_F equal to the trained one's. permuted: the trained factors with b's
    output channels permuted, which keeps norm and spectrum. gaussian: entries of standard deviation `init_scale`.
    """
    growth = np.float32(draw.rank_multiplier**0.25)
    bias = _null_bias(update, draw)
    if draw.family is NullFamily.PERMUTED:
        order = stream(draw, update.module, "B").permutation(update.b.shape[0])
        return Factors(update.a * growth, update.b[order] * growth, update.scaling, bias)
    a = _normal(draw, update.module, "A", update.a.shape)
    b = _normal(draw, update.module, "B", update.b.shape)
    if draw.family is NullFamily.GAUSSIAN:
        sigma = np.float32(draw.init_scale)
        return Factors(a * (sigma * growth), b * (sigma * growth), update.scaling, bias)
    drawn = product_norm(a, b)
    factor = np.float32(np.sqrt(product_norm(update.a, update.b) / drawn)) if drawn else np.float32(0)
    return Factors(a * (factor * growth), b * (factor * growth), update.scaling, bias)


def null_matrix(module: str, shape: tuple[int, int], norm: float, draw: NullDraw) -> Factors:
    """A random low-rank (out, in) change of Frobenius norm `norm`, for a module that was saved whole."""
    rank = min(_SAVED_RANK, *shape)
    a = _normal(draw, module, "saved A", (rank, shape[1]))
    b = _normal(draw, module, "saved B", (shape[0], rank))
    size = norm * draw.rank_multiplier**0.5
    factor = np.float32(np.sqrt(size / product_norm(a, b)))
    return Factors(a * factor, b * factor, 1.0)


def null_vector(module: str, tensor: str, size: int, norm: float, draw: NullDraw) -> Array:
    """A Gaussian vector (size,) of Euclidean norm `norm` times sqrt(rank_multiplier)."""
    vector = _normal(draw, module, tensor, (size,))
    return vector * np.float32(norm * draw.rank_multiplier**0.5 / float(np.linalg.norm(vector.astype(np.float64))))


def _null_bias(update: LowRank, draw: NullDraw) -> Array | None:
    if update.bias is None:
        return None
    return null_vector(update.module, "bias", update.bias.size, float(np.linalg.norm(update.bias)), draw)


def _normal(draw: NullDraw, module: str, tensor: str, shape: tuple[int, ...]) -> Array:
    return stream(draw, module, tensor).standard_normal(shape, dtype=np.float32)
