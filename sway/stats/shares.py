"""Shares of yes or no, and changes of them: intervals that stay honest where all answers are alike.

Two answers that agree do not scatter, and the usual interval then has no width, as if two proved as much as a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sway.core.results import Interval

FloatArray = NDArray[np.float64]
MOST_SAMPLES = 10_000
SCORE = "score"
_Z = NormalDist().inv_cdf(0.975)


def counted(samples: Sequence[float]) -> bool:
    """Whether shares are to be counted: all are yes or no, or they are alike and so do not tell how far they scatter.

    >>> counted([0.0, 1.0]), counted([0.5, 0.5]), counted([0.5, 0.75])
    (True, True, False)
    """
    return all(x in (0.0, 1.0) for x in samples) or len(set(samples)) == 1


def share_interval(samples: Sequence[float]) -> Interval | None:
    """Wilson's 95% interval for the mean of samples (n,) between 0 and 1; None for fewer than two.

    Of all that lies between 0 and 1 with a given mean, yes or no scatters most: for rates the interval is wide enough.

    References:
        Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22(158).
        Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion. Stat. Sci. 16.

    >>> found = share_interval([1.0, 1.0, 1.0])
    >>> round(found.low, 2), found.high
    (0.44, 1.0)
    """
    if len(samples) < 2:
        return None
    low, high = _wilson(float(np.mean(samples)), np.array([float(len(samples))]))
    return Interval(float(low[0]), float(high[0]), SCORE)


def change_interval(samples: Sequence[float]) -> Interval | None:
    """Bonett and Price's 95% interval for the mean of changes (n,) of yes or no, each -1, 0 or 1.

    None for fewer than two.

    References:
        Bonett, D. G. and Price, R. M. (2012). Adjusted Wald confidence interval for a difference of binomial
        proportions based on paired data. J. Educ. Behav. Stat. 37(4).

    >>> found = change_interval([0.0] * 10)
    >>> round(found.low, 3), round(found.high, 3)
    (-0.231, 0.231)
    """
    if len(samples) < 2:
        return None
    low, high = _bonett_price(*_moved(samples), np.array([float(len(samples))]))
    return Interval(float(low[0]), float(high[0]), SCORE)


def change_variance(samples: Sequence[float]) -> float:
    """The variance that `change_interval` takes changes to have: as if one more had gone either way."""
    up, down = _adjusted(*_moved(samples), np.array([float(len(samples))]))
    return float(_variance(up, down)[0])


def answers_needed(
    samples: Sequence[float], *, bar: float, better: Literal["higher", "lower"], change: bool
) -> int | None:
    """How many samples would move the interval's bound past `bar`, were they to go on as they are.

    At most 10,000 (read it as "that many or more"). None where the mean is not on the hoped-for side of the bar, or
    fewer than two samples are given.

    >>> answers_needed([1.0, 1.0, 1.0], bar=0.7, better="higher", change=False)
    9
    >>> answers_needed([0.0, 0.0], bar=0.05, better="lower", change=True)
    54
    >>> answers_needed([0.0, 0.0], bar=0.15, better="lower", change=False)
    22
    """
    mean, sign = float(np.mean(samples)) if len(samples) else bar, 1.0 if better == "higher" else -1.0
    if len(samples) < 2 or sign * (mean - bar) <= 0:
        return None
    n = np.arange(2.0, MOST_SAMPLES + 1)
    low, high = _bonett_price(*_moved(samples), n) if change else _wilson(mean, n)
    settled = np.flatnonzero(sign * ((low if sign > 0 else high) - bar) >= 0)
    return int(max(n[settled[0]], len(samples) + 1)) if len(settled) else MOST_SAMPLES


def _wilson(mean: float, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ends (k,) for n (k,) samples of one mean."""
    center = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * np.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2))
    # At a mean of 0 or 1 the two are equal but for rounding.
    low, high = np.clip(center - reach, 0.0, mean), np.clip(center + reach, mean, 1.0)
    return (np.zeros_like(low) if mean == 0 else low), (np.ones_like(high) if mean == 1 else high)


def _moved(samples: Sequence[float]) -> tuple[float, float]:
    """The shares of changes that went up, and down."""
    d = np.asarray(samples, dtype=np.float64)
    return float((d > 0).mean()), float((d < 0).mean())


def _bonett_price(up: float, down: float, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    u, d = _adjusted(up, down, n)
    reach = _Z * np.sqrt(_variance(u, d) / (n + 2))
    return np.maximum(u - d - reach, -1.0), np.minimum(u - d + reach, 1.0)


def _adjusted(up: float, down: float, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    return (up * n + 1) / (n + 2), (down * n + 1) / (n + 2)


def _variance(up: FloatArray, down: FloatArray) -> FloatArray:
    return np.asarray(up + down - (up - down) ** 2, dtype=np.float64)
