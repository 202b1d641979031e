"""A distribution of which only the likeliest outcomes are known, completed without exaggerating a divergence."""

from __future__ import annotations

import numpy as np

from sway.core.requests import FloatArray


def least_divergent(
    p: FloatArray, p_other: float, mass: float, *, most: float, least_other: float = 0.0
) -> tuple[FloatArray, float]:
    """How `mass` is spread over n outcomes and one further bucket so as to diverge least from (p, p_other).

    Each of the n gets at most `most`, the bucket at least `least_other`. For every f-divergence the least is
    where the ratio to p is the same everywhere, but at the bounds (the divergence is convex and each outcome's
    part of it has a derivative that depends on that ratio alone), so one number is searched for.

    >>> q, other = least_divergent(np.array([0.4, 0.1]), 0.5, 1.0, most=0.2)
    >>> bool(np.allclose(q, [0.2, 0.8 / 6])), round(other, 6)
    (True, 0.666667)
    """
    if len(p) == 0 or mass <= least_other:
        return np.zeros(len(p)), mass

    def spread(ratio: float) -> FloatArray:
        return np.minimum(ratio * p, most)

    def total(ratio: float) -> float:
        return float(spread(ratio).sum()) + max(least_other, ratio * p_other)

    low, high = 0.0, 1.0
    while total(high) < mass and high < 1e15:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < mass else (low, middle)
    q = spread(low)
    return q, max(0.0, mass - float(q.sum()))
