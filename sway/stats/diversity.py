"""Choosing a few items that are as unlike each other as can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def farthest_first(vectors: NDArray[np.float64], count: int, start: NDArray[np.float64]) -> list[int]:
    """Indices of up to `count` of the vectors (n, d), each the farthest from `start` (d,) and those before it.

    The greedy choice is within a factor of two of the best spread (Gonzalez, T. (1985). Clustering to minimize the
    maximum intercluster distance. Theor. Comput. Sci. 38). Of equals the first is taken; copies of a vector that is
    chosen already, or of `start`, are not.

    >>> farthest_first(np.array([[1.0], [5.0], [4.0], [0.0]]), 3, np.array([0.0]))
    [1, 0, 2]
    """
    nearest = np.linalg.norm(vectors - start, axis=1)
    chosen: list[int] = []
    while len(chosen) < count and nearest.size and nearest.max() > _SAME:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
    return chosen


_SAME = 1e-9
