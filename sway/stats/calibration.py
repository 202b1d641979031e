"""Where an adapter's statistic stands among those of null adapters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Direction = Literal["higher", "lower"]
MIN_FOR_Z = 8


@dataclass(frozen=True)
class Calibration:
    """A statistic among `n` nulls.

    `mean`, `sd` (ddof 1) and `p95`, the null's 95th percentile in the better direction, are in the
    statistic's own unit (nan without nulls). `z` is positive in the better direction; it is absent
    under 8 nulls and where they do not scatter. `runs_needed` is how many nulls the rank test needs
    to reach alpha, where there are fewer. `degenerate`: the nulls do not scatter, or are fewer than two.
    """

    n: int
    mean: float
    sd: float
    p95: float
    z: float | None
    p_value: float | None
    method: Literal["rank", "t", "none"]
    runs_needed: int | None
    degenerate: bool

    @property
    def first_of_too_few(self) -> bool:
        """Whether the statistic beats every null, and its rank could not reach alpha even so.

        That happens where nulls do not scatter, so that no distribution can be fitted to them in the rank's place.
        """
        few = self.runs_needed is not None and self.method == "rank"
        return few and self.p_value is not None and self.p_value <= 1 / (self.n + 1)


def calibrate(
    x: float, nulls: Sequence[float], *, better: Direction, alpha: float = 0.05, log_scale: bool = False
) -> Calibration:
    """Place `x` among `nulls` (n,).

    With at least 1 / alpha - 1 nulls the p-value is the rank's, (1 + #{null at least as good}) / (n + 1):
    exact where the adapter is one more null, never 0, ties counting against. With fewer the rank
    cannot reach alpha, so that Student's t predicts one further draw from the n,
    T((x - m) / (s sqrt(1 + 1/n))) with n - 1 degrees of freedom, on the logarithms where `log_scale`
    is set and all values are positive; nulls that do not scatter keep the rank. Fewer than two nulls
    give no p-value. Raises ValueError where a value is not finite or alpha is not in (0, 1).

    References:
        Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be zero. SAGMB 9(1).
        Geisser, S. (1993). Predictive Inference. Chapman and Hall.

    >>> found = calibrate(5.0, [float(v) / 10 for v in range(19)], better="higher")
    >>> found.p_value, found.method, found.runs_needed
    (0.05, 'rank', None)
    >>> calibrate(5.0, [1.0, 1.2, 0.9], better="higher").runs_needed
    19
    """
    if not 0 < alpha < 1:
        raise ValueError("alpha must lie between 0 and 1")
    values = np.asarray(nulls, dtype=np.float64)
    if not (math.isfinite(x) and np.isfinite(values).all()):
        raise ValueError("a statistic and its nulls must be finite")
    n = len(values)
    wanted = math.ceil(1 / alpha - 1e-9) - 1
    runs_needed = wanted if n < wanted else None
    if n < 2:
        mean = float(values.mean()) if n else math.nan
        return Calibration(n, mean, 0.0 if n else math.nan, mean, None, None, "none", runs_needed, degenerate=True)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    flat = _flat(values)
    p95 = float(np.quantile(values, 0.95 if better == "higher" else 0.05))
    sign = 1.0 if better == "higher" else -1.0
    z = None if flat or n < MIN_FOR_Z else sign * (x - mean) / sd
    if runs_needed is None or flat:
        return Calibration(n, mean, sd, p95, z, _rank_p(sign * x, sign * values), "rank", runs_needed, flat)
    return Calibration(n, mean, sd, p95, z, _prediction_p(x, values, sign, log_scale), "t", runs_needed, flat)


def max_t(observed: Mapping[str, float], nulls: Mapping[str, Sequence[float]]) -> float | None:
    """One p-value for "any effect anywhere", over several statistics that share their null draws.

    `observed` has a value a statistic and `nulls` its values (n,) under the same n draws, both signed
    so that greater is better. Each statistic is standardised by mean and standard deviation of its
    n + 1 values together, which treats the adapter as any draw, so that the rank of its largest
    standardised value among the draws' is exact: p = (1 + #{draw's maximum at least as large}) / (n + 1).
    None without statistics or with fewer than two draws. Raises ValueError where the names differ,
    the draws are not equally many, or a value is not finite.

    References:
        Westfall, P. H. and Young, S. S. (1993). Resampling-Based Multiple Testing. Wiley.

    >>> draws = [float(v) for v in range(19)]
    >>> max_t({"a": 100.0, "b": 3.0}, {"a": draws, "b": draws})
    0.05
    """
    if set(observed) != set(nulls) or len({len(v) for v in nulls.values()}) > 1:
        raise ValueError("every statistic needs a value and equally many nulls")
    rows = np.array([[observed[k], *nulls[k]] for k in sorted(observed)], dtype=np.float64)
    if rows.size == 0 or rows.shape[1] < 3:
        return None
    if not np.isfinite(rows).all():
        raise ValueError("statistics and their nulls must be finite")
    standard = np.array([np.zeros_like(row) if _flat(row) else (row - row.mean()) / row.std(ddof=1) for row in rows])
    # Rounding must not break a tie: it counts against.
    largest = np.round(standard.max(axis=0), 9)
    return _rank_p(float(largest[0]), largest[1:])


def _rank_p(x: float, nulls: FloatArray) -> float:
    return float(1 + np.count_nonzero(nulls >= x)) / (len(nulls) + 1)


def _prediction_p(x: float, nulls: FloatArray, sign: float, log_scale: bool) -> float:
    from scipy.special import stdtr

    if log_scale and x > 0 and (nulls > 0).all():
        x, nulls = math.log(x), np.log(nulls)
    n = len(nulls)
    distance = sign * (x - nulls.mean()) / (nulls.std(ddof=1) * math.sqrt(1 + 1 / n))
    return float(np.clip(stdtr(n - 1, -distance), np.finfo(float).tiny, 1.0))


def _flat(values: FloatArray) -> bool:
    """Whether the values differ by no more than rounding."""
    return float(values.std(ddof=1)) <= 1e-9 * float(np.abs(values).max())
