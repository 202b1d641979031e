"""Two models asked the same questions: how far apart they are, and whether chance explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sway.core.results import Interval
from sway.stats.resampling import mean_interval
from sway.stats.shares import change_interval, change_variance

FloatArray = NDArray[np.float64]
EXACT_UP_TO = 14
"""Most differences whose signs are all tried; beyond, signs are drawn."""
DRAWS = 9_999
MOST_FLIPS = 20_000_000
"""Signs drawn at most, so that a sample of any length takes a second or so."""
POWER = 0.8
MOST_PAIRS = 10_000


@dataclass(frozen=True)
class SignFlip:
    """A sign-flip test: `p_value` is two-sided, and with this many unequal pairs cannot be below `least_p`."""

    p_value: float
    least_p: float
    method: Literal["exact", "drawn", "none"]


def sign_flip(differences: Sequence[float], reference: Sequence[float] = (), *, seed: int) -> SignFlip:
    """Whether mean(differences) - mean(reference) is further from zero than chance puts it.

    `differences` (n,) has one value a question that both models were asked; `reference` (m,), centred on
    zero, the differences of what the samples were contrasted with. Were the models interchangeable, each
    difference might as well have the other sign: p is the share of sign patterns whose mean is at least as
    far from zero, all of them for at most 14 differences that are not zero, else of 9,999 drawn with the
    one seen. With k such differences p is at least 2 / 2^k. A reference enters by its scatter alone, so
    that p is then approximate. Raises ValueError on values that are not finite.

    References:
        Fisher, R. A. (1935). The Design of Experiments, section 21. Oliver and Boyd.
        Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be zero. SAGMB 9(1).

    >>> sign_flip([0.3, 0.1, 0.2, 0.4, 0.2, 0.3], seed=0)
    SignFlip(p_value=0.03125, least_p=0.03125, method='exact')
    >>> sign_flip([0.0, 0.0], seed=0).p_value
    1.0
    """
    d, r = finite(differences), finite(reference)
    seen = abs(_contrast(d, r))
    terms = np.concatenate([d / max(len(d), 1), r / max(len(r), 1)])
    terms = terms[terms != 0]
    least = least_p(len(terms))
    if not len(terms):
        return SignFlip(1.0, 1.0, "none")
    # Patterns that come out as far as the one seen but for rounding are ties, which count against.
    edge = seen - 1e-9 * float(np.abs(terms).sum())
    if len(terms) <= EXACT_UP_TO:
        # The patterns come in mirrored pairs, so that the first sign may stay.
        patterns = (np.arange(2 ** (len(terms) - 1))[:, None] >> np.arange(len(terms) - 1)) & 1
        far = np.abs(terms[0] + (1.0 - 2.0 * patterns) @ terms[1:])
        return SignFlip(float((far >= edge).mean()), least, "exact")
    draws = max(999, min(DRAWS, MOST_FLIPS // len(terms)))
    beyond = _drawn(terms, edge, draws, np.random.default_rng(seed))
    return SignFlip((1 + beyond) / (1 + draws), max(least, 1 / (1 + draws)), "drawn")


def _drawn(terms: FloatArray, edge: float, draws: int, rng: np.random.Generator) -> int:
    """How many of `draws` random sign patterns come out at least `edge` from zero, in pieces that fit in memory."""
    beyond, step = 0, max(1, 1_000_000 // len(terms))
    for low in range(0, draws, step):
        signs = rng.integers(0, 2, (min(step, draws - low), len(terms)), dtype=np.int8)
        beyond += int((np.abs((2.0 * signs - 1.0) @ terms) >= edge).sum())
    return beyond


def least_p(pairs: int) -> float:
    """The least two-sided p that signs of `pairs` differences can give: 2 / 2^pairs, at most 1.

    >>> least_p(5), least_p(6), least_p(0)
    (0.0625, 0.03125, 1.0)
    """
    return min(1.0, math.ldexp(2.0, -min(pairs, 1000)))


def pairs_for(p: float) -> int:
    """The fewest unequal pairs whose signs can give a p as low as `p`.

    >>> pairs_for(0.05), pairs_for(0.01)
    (6, 8)
    """
    return max(1, math.ceil(1 - math.log2(p) - 1e-9))


def difference_interval(
    differences: Sequence[float], reference: Sequence[float] = (), *, seed: int, yes_or_no: bool = False
) -> Interval | None:
    """A 95% interval for mean(differences) - mean(reference), as `mean_interval` makes it.

    `yes_or_no` says that each difference is that of two answers of 0 or 1, so that it is -1, 0 or 1. The
    interval is then that of `change_interval`, which stays honest where few pairs or none differ: one more
    question might have. None where fewer than two differences, or one reference, are given.
    """
    d = finite(differences).tolist()
    return mean_interval(d, reference, seed=seed) if not yes_or_no or len(reference) else change_interval(d)


def pairs_needed(
    differences: Sequence[float],
    reference: Sequence[float] = (),
    *,
    least: float,
    alpha: float,
    yes_or_no: bool = False,
) -> int | None:
    """About how many questions would show a true difference of `least` at level `alpha` in four cases of five.

    From the differences' scatter, which is taken to stay; the reference stays as it is. At least as many as
    give a p of `alpha` at all, at most 10,000 (read it as "that many or more"). None where fewer than two
    differences are given or the reference alone leaves more doubt than questions could settle.

    >>> pairs_needed([0.1, -0.1, 0.2, -0.2, 0.1], least=0.1, alpha=0.05)
    22
    """
    d, r = finite(differences), finite(reference)
    if len(d) < 2 or least <= 0:
        return None
    normal = NormalDist()
    variance = change_variance(d.tolist()) if yes_or_no else float(d.var(ddof=1))
    fixed = float(r.var(ddof=1)) / len(r) if len(r) > 1 else 0.0
    room = (least / (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(POWER))) ** 2 - fixed
    if room <= 0:
        return None
    return min(max(math.ceil(variance / room), pairs_for(alpha)), MOST_PAIRS)


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value adjusted for all of them, in their order: at most alpha where Holm's procedure rejects at alpha.

    The chance of one or more false rejections is at most alpha, however the tests depend on each other.

    References:
        Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6(2).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = finite(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(x) for x in adjusted]


def _contrast(d: FloatArray, r: FloatArray) -> float:
    return float((d.mean() if len(d) else 0.0) - (r.mean() if len(r) else 0.0))


def finite(values: Sequence[float]) -> FloatArray:
    """The values as an array (n,). Raises ValueError where one is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("a flat sequence of finite numbers is needed")
    return array
