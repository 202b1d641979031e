"""The ratio of two means over the same samples, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sway.core.results import Interval
from sway.stats.resampling import jackknifed, mean_interval


@dataclass(frozen=True)
class Ratio:
    """A ratio of means; `interval` is None where too few samples, or too small a divisor, leave it open."""

    value: float
    interval: Interval | None

    def __str__(self) -> str:
        ends = f" [{self.interval.low:.2f}, {self.interval.high:.2f}]" if self.interval else ""
        return f"{self.value:.2f}{ends}"


def ratio_of_means(top: Sequence[float], bottom: Sequence[float], *, seed: int, level: float = 0.95) -> Ratio | None:
    """mean(top) / mean(bottom) for paired samples (n,) each, with an interval from the jackknife.

    The means are divided, not the pairs, so that a sample with next to nothing to divide by does not decide.
    None where mean(bottom) is not positive. Raises ValueError where the two are not as many.

    References:
        Tukey, J. W. (1958). Bias and confidence in not-quite large samples. Ann. Math. Stat. 29.
        Cochran, W. G. (1977). Sampling Techniques, chapter 6 (ratio estimators).

    >>> found = ratio_of_means([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], seed=0)
    >>> found.value, round(found.interval.low, 6), round(found.interval.high, 6)
    (0.5, 0.5, 0.5)
    >>> ratio_of_means([1.0, 2.0], [-1.0, 0.5], seed=0) is None
    True
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (top, bottom))
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} samples over {len(y)}")
    if not len(y) or not y.mean() > 0:
        return None

    def ratio(chosen: NDArray[np.intp]) -> float:
        return float(x[chosen].mean() / y[chosen].mean())

    value = float(x.mean() / y.mean())
    without_one = (y.sum() - y) / max(len(y) - 1, 1)
    if len(y) < 2 or not (without_one > 0).all():
        return Ratio(value, None)
    return Ratio(value, mean_interval(jackknifed(ratio, len(y)), seed=seed, level=level))
