"""How fast a signal fades: an exponential laid through its mean, and what kind of curve it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sway.stats.resampling import jackknifed, mean_interval

FloatArray = NDArray[np.float64]
FLOOR = 1e-4
"""Nats. A divergence below this is within what the arithmetic of half precision does by itself."""
REBOUND = 0.25
"""A curve that falls below half of its first value but elsewhere rises by more than this share of it is no decay."""


class Fading(StrEnum):
    """What kind of curve it is."""

    OK = "ok"
    STABLE = "stable"
    NON_MONOTONIC = "non_monotonic"
    DEGENERATE = "degenerate"


@dataclass(frozen=True)
class Decay:
    """A curve's kind, and the half-life of the exponential that fits it best, at most the bound that was given.

    `retained` (k,) is the mean at each place as a share of the first, over the same prompts. `fit` is R
    squared, 0 where nothing varies. `rise` is the largest gain over an earlier low, a share of the first.
    """

    status: Fading
    half_life: float
    first: float
    retained: tuple[float, ...]
    rise: float
    fit: float


def decay(places: Sequence[float], values: ArrayLike, *, longest: float, floor: float = FLOOR) -> Decay:
    """Describe `values` (n, k), a curve a prompt, at increasing `places` (k,); NaN where one was not measured.

    Every prompt needs its first value. The share kept at a place compares the prompts that have it with
    the same prompts' first values, so that one which ends early does not bend the curve.

    The kinds, in the order in which they are tried:
    `degenerate`: the mean of the first values is below `floor`, and nothing is there to fade.
    `non_monotonic`: the mean falls below half of its first value, but also rises, by more than `REBOUND` of it.
    `stable`: it grows or holds; or it falls by less than half over all places, by the fit, and the
    prompts' own slopes do not tell that fall from none (95% interval). Its half-life is `longest`.
    `ok`: everything else. A fall by more than half counts even where few prompts scatter too much to
    prove it, so that too few prompts never hide one.

    Raises ValueError on fewer than two places, no prompt, or a missing or negative value.

    >>> fading = decay([0, 1, 2], [[0.8, 0.4, 0.2]], longest=40)
    >>> fading.status.value, round(fading.half_life, 2), fading.retained
    ('ok', 1.0, (1.0, 0.5, 0.25))
    >>> decay([0, 1, 2], [[0.4, 0.5, 0.6]], longest=40).status.value
    'stable'
    """
    x, y = _checked(places, values)
    first = float(y[:, 0].mean())
    if first < floor:
        return Decay(Fading.DEGENERATE, 0.0, first, (), 0.0, 0.0)
    kept = _retained(y)
    half_life, fit = fit_half_life(x, kept, longest=longest)
    rise = float((kept - np.minimum.accumulate(kept)).max())
    status = _status(x, y, kept, half_life, rise)
    half_life = longest if status is Fading.STABLE else half_life
    return Decay(status, half_life, first, tuple(float(r) for r in kept), rise, fit)


def half_life_samples(places: Sequence[float], values: ArrayLike, *, longest: float) -> list[float]:
    """Samples (n,) whose mean is the half-life of `values` (n, k), and whose scatter is that of the half-life.

    Empty where leaving one prompt out would leave a place without any. Raises ValueError as `decay` does.
    """
    x, y = _checked(places, values)
    if int(np.isfinite(y).sum(axis=0).min()) < 2:
        return []
    return jackknifed(lambda chosen: fit_half_life(x, _retained(y[chosen]), longest=longest)[0], len(y))


def fit_half_life(places: ArrayLike, values: ArrayLike, *, longest: float) -> tuple[float, float]:
    """Half-life of `a * 2 ** (-x / half_life)` by least squares on `values` (k,) at `places` (k,), and R squared.

    The half-lives tried run from a tenth of the first gap to `longest`, in steps of 1%, and then in steps a
    hundred times finer around the best; for each, the best `a` has a closed form. Least squares on the
    values themselves, and not on their logarithms, because what is left at the far end is mostly noise and
    would bend a line through logarithms most. Of equally good half-lives, the shortest is taken.

    References:
        Golub, G. and Pereyra, V. (1973). The differentiation of pseudo-inverses and nonlinear least
        squares problems whose variables separate. SIAM J. Numer. Anal. 10(2).

    >>> half_life, fit = fit_half_life([0, 256, 512], [1.0, 0.5, 0.25], longest=5120)
    >>> round(half_life / 256, 2), round(fit, 3)
    (1.0, 1.0)
    """
    x, y = np.asarray(places, dtype=np.float64), np.asarray(values, dtype=np.float64)
    shortest = float(x[1] - x[0]) / 10
    steps = max(math.ceil(math.log(longest / shortest) / math.log(1.01)), 1)
    coarse, _ = _best(np.append(np.geomspace(shortest, longest, steps + 1), np.inf), x, y)
    half_life, error = _best(coarse * np.geomspace(0.99, 1.01, 201), x, y)
    spread = float(((y - y.mean()) ** 2).sum())
    return min(half_life, longest), (max(1 - error / spread, 0.0) if spread > 1e-12 else 0.0)


def _best(halves: FloatArray, x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """The half-life of `halves` that leaves the least squared error, and that error."""
    basis = 2.0 ** (-(x - x[0])[None, :] / halves[:, None])
    scale = (basis @ y) / (basis**2).sum(axis=1)
    error = ((y - scale[:, None] * basis) ** 2).sum(axis=1)
    best = int(np.argmin(error))
    return float(halves[best]), float(error[best])


def _status(x: FloatArray, y: FloatArray, kept: FloatArray, half_life: float, rise: float) -> Fading:
    if float(kept.min()) < 0.5 and rise > REBOUND:
        return Fading.NON_MONOTONIC
    halved = half_life <= float(x[-1] - x[0])
    return Fading.OK if halved or (_falls(x, y) and not kept.min() >= 1) else Fading.STABLE


def _falls(x: FloatArray, y: FloatArray) -> bool:
    """Whether the prompts' own slopes are, over the prompts, below zero beyond doubt."""
    slopes = [float(np.polyfit(x[seen], row[seen], 1)[0]) for row in y if (seen := np.isfinite(row)).sum() > 1]
    interval = mean_interval(slopes, seed=0)
    return interval is not None and interval.high < 0


def _retained(y: FloatArray) -> FloatArray:
    seen = np.isfinite(y)
    before = np.where(seen, y[:, :1], 0.0).sum(axis=0)
    after = np.where(seen, y, 0.0).sum(axis=0)
    # Where the prompts that reached a place had no signal to begin with, there was none to lose.
    return np.asarray(np.divide(after, before, out=np.ones_like(after), where=before > 0), dtype=np.float64)


def _checked(places: Sequence[float], values: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(places, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not (np.diff(x) > 0).all():
        raise ValueError("a curve needs two or more places, increasing")
    if y.ndim != 2 or y.shape[0] < 1 or y.shape[1] != len(x):
        raise ValueError(f"a value a place is needed for each prompt, not shape {y.shape}")
    if not np.isfinite(y[:, 0]).all() or (y < 0).any() or not np.isfinite(y).any(axis=0).all():
        raise ValueError("values must not be negative; every prompt needs its first, every place one prompt")
    return x, y
