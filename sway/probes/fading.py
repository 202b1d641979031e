"""What the probes of decay share: how a signal that fades is checked, told and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sway.core.measurement import Check, Measurement
from sway.probes.evidence import brief, sparkline
from sway.stats.decay import FLOOR, REBOUND, Decay, Fading, decay, half_life_samples

BEYOND = 10
"""A half-life is told up to this many times the longest distance that was asked for."""


@dataclass(frozen=True)
class Curves:
    """`values` (n, k): a prompt's divergence at each of the `places` (k,) that were asked for, NaN where it has none.

    `what` names the unit of the places, in the plural; `lost` is why the first missing value is missing. None may be
    missing but for a length that the model does not read.
    """

    what: str
    places: tuple[float, ...]
    values: NDArray[np.float64]
    lost: str = ""

    @property
    def reached(self) -> int:
        """At how many places, from the first, any prompt was measured."""
        return int(np.isfinite(self.values).any(axis=0).sum())

    @property
    def means(self) -> list[float]:
        """The mean over the prompts that have it, at each place reached."""
        return [float(m) for m in np.nanmean(self.values[:, : self.reached], axis=0)]

    @property
    def most_faded(self) -> int:
        """The prompt that keeps the least of its first value at its last place, of those with two or more."""
        return min(range(len(self.values)), key=lambda i: _kept(self.values[i]))


def _kept(row: NDArray[np.float64]) -> tuple[bool, float]:
    seen = row[np.isfinite(row)]
    return len(seen) < 2, float(seen[-1] / max(seen[0], FLOOR))


def measured(curves: Curves, *, at_least: float, longest: float, evidence: Mapping[str, Any]) -> Measurement:
    """The half-life of the curves' mean, held against `at_least`; both are in the unit of the places."""
    places, values = curves.places[: curves.reached], curves.values[:, : curves.reached]
    found = decay(places, values, longest=longest)
    return Measurement(
        raw=found.half_life,
        # A half-life that no fall bounds has no scatter over prompts to tell of.
        samples=half_life_samples(places, values, longest=longest) if found.status is Fading.OK else (),
        checks=_checks(curves, found, at_least),
        note="; ".join(clause for clause in (_told(curves, found), _missing(curves)) if clause),
        evidence={
            f"half_life_{curves.what}": brief(found.half_life),
            "fit_status": str(found.status),
            "sparkline": sparkline(curves.means),
            "retained": [brief(r) for r in found.retained],
            "fit_r_squared": brief(found.fit),
            **evidence,
        },
    )


def _checks(curves: Curves, found: Decay, at_least: float) -> tuple[Check, ...]:
    checks = [Check("divergence_at_start", found.first, low=FLOOR)]
    if found.status in (Fading.OK, Fading.STABLE):
        checks.append(Check(f"half_life_{curves.what}", found.half_life, low=at_least))
    if found.status is Fading.NON_MONOTONIC:
        checks.append(Check("largest_rise", found.rise, high=REBOUND, soft=True))
    # Places that could not be measured must not make a pass easier: what was seen has to reach the bar.
    seen, asked = curves.places[curves.reached - 1], curves.places[-1]
    return (*checks, Check(f"{curves.what}_measured", seen, low=min(at_least, asked), soft=True))


def _told(curves: Curves, found: Decay) -> str:
    line = sparkline(curves.means)
    match found.status:
        case Fading.DEGENERATE:
            return "the adapter changes nothing at the start"
        case Fading.NON_MONOTONIC:
            return f"{line} falls and rises, which no half-life describes"
        case Fading.STABLE:
            return f"{line} no decay over {curves.places[curves.reached - 1]:g} {curves.what}"
        case _:
            return f"{line} half-life {found.half_life:.3g} {curves.what}"


def _missing(curves: Curves) -> str:
    short = int((~np.isfinite(curves.values[:, -1])).sum())
    return f"{short} of {len(curves.values)} prompts end early: {curves.lost}" if short else ""


def require_reachable(what: str, at_least: float, longest: float) -> None:
    """Raise ValueError where no half-life that can be told, in `what`, reaches `at_least`."""
    if at_least > longest:
        raise ValueError(f"assert_half_life_{what} is above {longest:g}, the most that can be told from what is asked")
