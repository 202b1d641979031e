"""Confidence intervals for a mean over prompts, and how many prompts would settle a question."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sway.core.results import Interval

FloatArray = NDArray[np.float64]
MIN_FOR_BOOTSTRAP = 8
MOST_SAMPLES = 10_000
BOOTSTRAP, FEW_PROMPTS = "bootstrap", "t, few prompts"


def mean_interval(
    samples: Sequence[float],
    reference: Sequence[float] = (),
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval | None:
    """A two-sided interval for mean(samples) - mean(reference).

    `samples` (n,) is one value a prompt or section. `reference` (m,) holds what they were contrasted
    with, centred on zero, so that only its uncertainty enters. From 8 values of both on the interval is a
    bootstrap, bias-corrected and accelerated (BCa), at levels widened to Student's t; below that it
    is Student's t (Welch's, with a reference). None where fewer than two values of either are given,
    since nothing then tells how far they scatter.

    The widening mends the bootstrap's narrowness in small samples; `docs/design/intervals.md` has the
    coverage of each. Raises ValueError on values that are not finite.

    References:
        Efron, B. (1987). Better bootstrap confidence intervals. JASA 82(397).
        Hesterberg, T. (2015). What teachers should know about the bootstrap. Am. Stat. 69(4).
        Welch, B. L. (1947). The generalization of Student's problem. Biometrika 34.

    >>> found = mean_interval([1.0, 2.0, 3.0], seed=0)
    >>> round(found.low, 3), round(found.high, 3), found.method
    (-0.484, 4.484, 't, few prompts')
    >>> mean_interval([1.0], seed=0) is None
    True
    """
    x, r = _finite(samples), _finite(reference)
    if len(x) < 2 or len(r) == 1:
        return None
    spread = _Spread.of(x, r)
    center = float(x.mean() - (r.mean() if len(r) else 0.0))
    few = len(x) < MIN_FOR_BOOTSTRAP or 0 < len(r) < MIN_FOR_BOOTSTRAP
    if spread.se <= 1e-12 * max(abs(center), 1e-300):
        return Interval(center, center, FEW_PROMPTS if few else BOOTSTRAP)
    t = _t_quantile(spread.df, level)
    if few:
        return Interval(center - t * spread.se, center + t * spread.se, FEW_PROMPTS)
    means = _resampled(x, r, np.random.default_rng(seed), resamples)
    tails = _tails(means, center, x, r, t * spread.narrowness)
    low, high = np.quantile(means, tails)
    return Interval(float(low), float(high), BOOTSTRAP)


def samples_needed(
    samples: Sequence[float],
    reference: Sequence[float] = (),
    *,
    bar: float,
    better: Literal["higher", "lower"],
    level: float = 0.95,
) -> int | None:
    """How many samples would move the interval's bound past `bar`, were mean and scatter to stay.

    The bound is the lower one where `better` is higher, the upper one where it is lower. The
    reference stays as it is. At most 10,000 (read it as "that many or more"). None where the mean
    is not on the hoped-for side of the bar, where fewer than two samples are given, and where the
    reference alone leaves more doubt than any number of samples could settle.

    >>> samples_needed([0.01, 0.05, 0.03, 0.07], bar=0.02, better="higher")
    9
    >>> samples_needed([0.01, 0.02], bar=0.05, better="higher") is None
    True
    """
    from scipy.special import stdtrit

    x, r = _finite(samples), _finite(reference)
    if len(x) < 2 or len(r) == 1:
        return None
    center = float(x.mean() - (r.mean() if len(r) else 0.0))
    room = center - bar if better == "higher" else bar - center
    fixed = _variance_of_mean(r)
    if room <= 0 or NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(fixed) >= room:
        return None
    n = np.arange(2, MOST_SAMPLES + 1)
    widths = stdtrit(n - 1, (1 + level) / 2) * np.sqrt(x.var(ddof=1) / n + fixed)
    settled = np.flatnonzero(widths <= room)
    return int(max(n[settled[0]], len(x) + 1)) if len(settled) else MOST_SAMPLES


def jackknifed(statistic: Callable[[NDArray[np.intp]], float], n: int) -> list[float]:
    """Samples (n,) that stand for a statistic that is no mean: their mean is its value on all n.

    They are the jackknife's pseudo-values, moved to that mean, so that the standard error of their mean is
    the jackknife's for the statistic. `statistic` takes the indices (m,) of the parts to use. Raises
    whatever it raises.

    References:
        Tukey, J. W. (1958). Bias and confidence in not-quite large samples. Ann. Math. Stat. 29.

    >>> x = np.array([1.0, 2.0, 6.0])
    >>> jackknifed(lambda chosen: float(x[chosen].mean()), 3)
    [1.0, 2.0, 6.0]
    """
    every = np.arange(n)
    whole = statistic(every)
    if n < 2:
        return [whole]
    without = np.array([statistic(np.delete(every, i)) for i in every])
    return [float(v) for v in whole + (n - 1) * (without.mean() - without)]


@dataclass(frozen=True)
class _Spread:
    """Standard error of the difference of means, its degrees of freedom, and how far a bootstrap understates it."""

    se: float
    df: float
    narrowness: float

    @classmethod
    def of(cls, x: FloatArray, r: FloatArray) -> _Spread:
        n, m = len(x), len(r)
        a, b = _variance_of_mean(x), _variance_of_mean(r)
        total = a + b
        if total == 0:
            return cls(0.0, n - 1.0, 1.0)
        own, other = a / total, b / total
        df = 1 / (own**2 / (n - 1) + (other**2 / (m - 1) if m else 0.0))
        plug_in = own * (n - 1) / n + (other * (m - 1) / m if m else 0.0)
        return cls(math.sqrt(total), df, math.sqrt(1 / plug_in))


def _variance_of_mean(values: FloatArray) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0


def _resampled(x: FloatArray, r: FloatArray, rng: np.random.Generator, resamples: int) -> FloatArray:
    """Means (resamples,) of `x` less those of `r`, both drawn with replacement."""
    means = rng.choice(x, (resamples, len(x))).mean(axis=1)
    if len(r):
        means = means - rng.choice(r, (resamples, len(r))).mean(axis=1)
    return np.asarray(means, dtype=np.float64)


def _tails(means: FloatArray, center: float, x: FloatArray, r: FloatArray, reach: float) -> tuple[float, float]:
    """The BCa quantile levels whose uncorrected counterparts lie `reach` standard errors out."""
    normal = NormalDist()
    # Resamples that differ from the mean by rounding alone are ties, which count half.
    gap = np.where(np.abs(means - center) <= 1e-9 * float(means.std()), 0.0, means - center)
    below = float((gap < 0).mean() + (gap == 0).mean() / 2)
    edge = 0.5 / len(means)
    bias = normal.inv_cdf(min(max(below, edge), 1 - edge))
    pull = np.concatenate([(x - x.mean()) / len(x), (r.mean() - r) / len(r)]) if len(r) else (x - x.mean()) / len(x)
    pull = pull / np.abs(pull).max()
    acceleration = float((pull**3).sum() / (6 * (pull**2).sum() ** 1.5))

    def level(z: float) -> float:
        stretch = 1 - acceleration * (bias + z)
        # Beyond the pole of the correction the level has reached its end.
        return normal.cdf(bias + (bias + z) / stretch) if stretch > 0 else float(z > 0)

    return level(-reach), level(reach)


def _t_quantile(df: float, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))


def _finite(values: Sequence[float]) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("samples must be a flat sequence of finite numbers")
    return array
