"""Divergences between two probability vectors, in nats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

TINY_MASS = 1e-12
"""The mass that an impossible outcome is given under Kullback-Leibler, so that no answer is infinite."""

MAX_JENSEN_SHANNON = math.log(2)


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Jensen-Shannon divergence of two probability vectors (k,), in nats: 0 (equal) to ln 2 (disjoint).

    Raises ValueError unless both are finite, non-negative, of one length and sum to 1.

    References:
        Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Trans. Inf. Theory 37(1).

    >>> jensen_shannon([0.5, 0.5], [0.5, 0.5])
    0.0
    >>> round(jensen_shannon([1.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    a, b = _pair(p, q)
    middle = (a + b) / 2
    found = (_relative_entropy(a, middle) + _relative_entropy(b, middle)) / 2
    return min(max(found, 0.0), MAX_JENSEN_SHANNON)


def kullback_leibler(p: ArrayLike, q: ArrayLike) -> float:
    """Kullback-Leibler divergence KL(p || q) of two probability vectors (k,), in nats: 0 up, finite.

    Where `q` is below `TINY_MASS` it counts as `TINY_MASS`, which bounds the result by 27.7 nats.
    Raises ValueError as `jensen_shannon` does.

    References:
        Kullback, S. and Leibler, R. A. (1951). On information and sufficiency. Ann. Math. Stat. 22(1).

    >>> kullback_leibler([0.5, 0.5], [0.5, 0.5])
    0.0
    >>> round(kullback_leibler([1.0, 0.0], [0.25, 0.75]), 6)
    1.386294
    """
    a, b = _pair(p, q)
    return max(_relative_entropy(a, np.maximum(b, TINY_MASS)), 0.0)


DIVERGENCES: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = MappingProxyType(
    {"js": jensen_shannon, "kl": kullback_leibler}
)
"""By the names that a spec's `divergence:` takes."""


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    # A mass too small for full precision has no share in the sum, and half of it may be no number at all.
    held = p > np.finfo(np.float64).tiny * 4
    return float(np.sum(p[held] * (np.log(p[held]) - np.log(q[held]))))


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"two probability vectors of one length are needed, not shapes {a.shape} and {b.shape}")
    for mass in (a, b):
        if not (np.isfinite(mass).all() and (mass >= 0).all() and abs(float(mass.sum()) - 1) < 1e-6):
            raise ValueError("a probability vector must be finite, non-negative and sum to 1")
    return a, b
