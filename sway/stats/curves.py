"""The shape of a response curve: how far a model moves as an adapter is scaled up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sway.stats.divergence import MAX_JENSEN_SHANNON

REACHED = 0.9


def overlap_distance(jensen_shannon: float) -> float:
    """A distance without an upper bound: sqrt(-ln(1 - JS / ln 2)).

    JS / ln 2 is the share of a bit that one draw tells of which distribution it came from, so that
    the rest measures their overlap. Minus its logarithm adds up where shifts in sequence each leave an
    equal share of overlap, and does not run into the ceiling that bends the curve of JS itself. The
    root undoes the square with which divergences start: small distances go as sqrt(JS / ln 2).
    Distributions without overlap are put at 5.3.

    >>> overlap_distance(0.0)
    0.0
    >>> round(overlap_distance(0.0001) / overlap_distance(0.000025), 3)
    2.0
    """
    told = min(jensen_shannon / MAX_JENSEN_SHANNON, 1 - 1e-12)
    return math.sqrt(abs(math.log1p(-told)))


@dataclass(frozen=True)
class SweepShape:
    """Shape statistics of a curve of distances over lambdas.

    `linearity`: the share of the distances' variance that a straight line explains (R squared), 0 to 1.
    `saturation`: the least lambda at which 90% of the distance at lambda 1
    is reached. `overshoot`: the distance at the largest lambda over that at lambda 1. `largest_drop`:
    the deepest fall below an earlier point, as a share of the peak. `slope`: distance a unit of
    lambda, by least squares. `flat`: the curve never leaves the floor; the others are then 0.
    """

    linearity: float
    saturation: float
    overshoot: float
    largest_drop: float
    slope: float
    flat: bool


def sweep_shape(lambdas: Sequence[float], distances: Sequence[float], *, floor: float = 1e-3) -> SweepShape:
    """Describe `distances` (n,) at increasing `lambdas` (n,), n >= 3; between points the curve is taken as straight.

    Lambda 1 stands for the adapter as trained; where no lambda reaches it, the largest one does.
    Raises ValueError on fewer than three points, lambdas that do not increase, negative or
    non-finite distances.

    >>> shape = sweep_shape([0, 0.5, 1, 1.25], [0, 0.1, 0.2, 0.25])
    >>> round(shape.linearity, 6), round(shape.saturation, 6), round(shape.overshoot, 6), shape.largest_drop
    (1.0, 0.9, 1.25, 0.0)
    >>> sweep_shape([0, 0.5, 1], [0, 0, 0]).flat
    True
    """
    x, y = np.asarray(lambdas, dtype=np.float64), np.asarray(distances, dtype=np.float64)
    if len(x) < 3 or x.shape != y.shape or not (np.diff(x) > 0).all():
        raise ValueError("a curve needs three or more points, at increasing lambdas")
    if not (np.isfinite(y).all() and (y >= 0).all()):
        raise ValueError("distances must be finite and not negative")
    whole = float(np.interp(1.0, x, y))
    if float(y.max()) <= floor or whole <= floor:
        return SweepShape(0.0, 0.0, 0.0, 0.0, 0.0, flat=True)
    return SweepShape(
        linearity=float(np.corrcoef(x, y)[0, 1] ** 2) if y.std() > 0 else 0.0,
        saturation=_first_reach(x, y, REACHED * whole),
        overshoot=float(y[-1]) / whole,
        largest_drop=float((np.maximum.accumulate(y) - y).max() / y.max()),
        slope=float(np.polyfit(x, y, 1)[0]),
        flat=False,
    )


def _first_reach(x: NDArray[np.float64], y: NDArray[np.float64], level: float) -> float:
    """The least x at which the curve, straight between its points, reaches `level`."""
    at = int(np.argmax(y >= level))
    if at == 0:
        return float(x[0])
    share = (level - y[at - 1]) / (y[at] - y[at - 1])
    return float(x[at - 1] + share * (x[at] - x[at - 1]))
