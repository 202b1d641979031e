"""Groups of near points, and how much of a quantity's variation lies between groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Labels = NDArray[np.intp]
MOST_ROUNDS = 100


def k_means(points: ArrayLike, k: int, *, seed: int, restarts: int = 8) -> Labels:
    """Labels (n,) that split points (n, d) into `k` groups of least squared distance to their means.

    Lloyd's algorithm from `restarts` k-means++ starts; the tightest split wins. The same points and seed
    give the same labels, numbered in the order of their first point; no group is empty. Points that
    coincide (to nine decimals) share a group, so there are fewer than `k` groups where fewer places are
    taken. Raises ValueError on points that are not finite and on a `k` below 1.

    References:
        Lloyd, S. (1982). Least squares quantization in PCM. IEEE Trans. Inf. Theory 28(2).
        Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding. SODA.

    >>> k_means([[0.0], [5.0], [0.1], [5.1]], 2, seed=0).tolist()
    [0, 1, 0, 1]
    """
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 2 or not np.isfinite(x).all() or k < 1:
        raise ValueError("a matrix of finite points and k >= 1 are needed")
    places, place, weight = np.unique(np.round(x, 9), axis=0, return_inverse=True, return_counts=True)
    if len(places) <= k:
        return _in_order(place.reshape(-1))
    rng = np.random.default_rng(seed)
    tried = [_lloyd(places, weight, _spread_out(places, weight, k, rng)) for _ in range(restarts)]
    _, labels = min(tried, key=lambda found: found[0])
    return _in_order(labels[place.reshape(-1)])


def between_share(values: Sequence[float], labels: Sequence[int] | Labels) -> float:
    """The share of the variation of `values` (n,) that lies between the groups of `labels` (n,), 0 to 1.

    Between / (between + within) sums of squares: eta squared. 0 where the values do not vary. Of values that have
    nothing to do with the k groups it is expected to be (k - 1) / (n - 1); see `specificity`.

    >>> between_share([1.0, 1.0, 3.0, 3.0], [0, 0, 1, 1])
    1.0
    """
    x, groups = np.asarray(values, dtype=np.float64), np.asarray(labels)
    total = float(((x - x.mean()) ** 2).sum())
    if total <= 1e-24 * max(float((x**2).sum()), 1e-300):
        return 0.0
    within = sum(float(((x[groups == g] - x[groups == g].mean()) ** 2).sum()) for g in np.unique(groups))
    return min(max(1 - within / total, 0.0), 1.0)


def specificity(values: Sequence[float], labels: Sequence[int] | Labels) -> float:
    """`between_share` without what chance alone puts between groups: epsilon squared, at most 1.

    1 - (1 - eta squared) (n - 1) / (n - k). Of values that have nothing to do with the groups it is 0
    on average, whatever n and k; a single value can lie below. 0 where there is one group, or one value a group.

    References:
        Kelley, T. L. (1935). An unbiased correlation ratio measure. PNAS 21(9).

    >>> round(specificity([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]), 6), round(between_share([1, 2, 3, 4], [0, 0, 1, 1]), 6)
    (0.7, 0.8)
    """
    n, k = len(values), len(np.unique(np.asarray(labels)))
    if k < 2 or n <= k or not (share := between_share(values, labels)):
        return 0.0
    return 1 - (1 - share) * (n - 1) / (n - k)


def _squared_distances(points: FloatArray, centers: FloatArray) -> FloatArray:
    """Squared distances (n, k)."""
    cross = points @ centers.T
    found = (points**2).sum(axis=1)[:, None] - 2 * cross + (centers**2).sum(axis=1)
    return np.asarray(np.maximum(found, 0.0), dtype=np.float64)


def _spread_out(points: FloatArray, weight: NDArray[np.intp], k: int, rng: np.random.Generator) -> FloatArray:
    """`k` distinct points, each drawn in proportion to its squared distance from those before it."""
    chosen = [int(rng.choice(len(points), p=weight / weight.sum()))]
    while len(chosen) < k:
        mass = weight * _squared_distances(points, points[chosen]).min(axis=1)
        mass[chosen] = 0.0
        chosen.append(int(rng.choice(len(points), p=mass / mass.sum())))
    return points[chosen]


def _lloyd(points: FloatArray, weight: NDArray[np.intp], centers: FloatArray) -> tuple[float, Labels]:
    """The sum of squared distances that the centers settle at, and the labels."""
    labels = np.full(len(points), -1)
    for _ in range(MOST_ROUNDS):
        distances = _squared_distances(points, centers)
        moved = np.asarray(distances.argmin(axis=1))
        for group in set(range(len(centers))) - set(moved.tolist()):
            # A group that lost its last point takes the point that fits worst where it is.
            crowded = np.bincount(moved, minlength=len(centers))[moved] > 1
            moved[int(np.where(crowded, distances[np.arange(len(points)), moved], -1.0).argmax())] = group
        if (moved == labels).all():
            break
        labels = moved
        centers = np.array(
            [np.average(points[labels == g], axis=0, weights=weight[labels == g]) for g in range(len(centers))]
        )
    return float((weight * ((points - centers[labels]) ** 2).sum(axis=1)).sum()), labels


def _in_order(labels: Labels) -> Labels:
    """The same groups, numbered in the order of their first member."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse.reshape(-1)])
