"""Scores: a summary for people, beside the gate's own rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from sway.core.errors import SwayError
from sway.core.measurement import Category, Claim, Measurement
from sway.core.probe import Probe
from sway.core.results import ProbeResult, Score
from sway.core.verdicts import Verdict
from sway.engine.words import Z_SHOWN
from sway.stats.calibration import Calibration

DEFAULT_WEIGHTS: Mapping[Category, float] = {
    Category.ADHERENCE: 0.30,
    Category.ATTRIBUTION: 0.35,
    Category.CALIBRATION: 0.20,
    Category.ABLATION: 0.15,
    Category.BASELINE: 0.0,
}
BANDS = ((0.3, "noise"), (0.6, "partial"))
MAX_FINDINGS = 5
Z_CAP = 5.0
"""Beyond five standard deviations more distance from noise earns no more score."""


def probe_score(probe: Probe, found: Measurement, verdict: Verdict, calibration: Calibration | None) -> float:
    """A number in [0, 1] for the composite; 0.6 and up where the claim holds.

    Calibrated superiority: sigmoid(z / 3), z capped at +-5 (from p where z is hidden). Other claims:
    how far inside the bounds. At most 0.55 for a warning and 0.3 for a failure.
    """
    if probe.claim is Claim.SUPERIORITY and calibration and calibration.p_value is not None:
        value = _sigmoid(_strength(calibration) / 3)
    elif probe.claim in (Claim.SHAPE, Claim.DIAGNOSTIC):
        value = {Verdict.PASS: 0.8, Verdict.WARN: 0.5}.get(verdict, 0.2)
    else:
        value = _room(probe, found)
    if verdict is Verdict.PASS:
        return max(value, 0.6)
    return min(value, 0.55 if verdict is Verdict.WARN else 0.3)


def _strength(calibration: Calibration) -> float:
    """Standard deviations above the nulls; the normal quantile of p where z is not to be had."""
    z = calibration.z
    if z is None:
        p = min(max(calibration.p_value or 1.0, 1e-6), 1 - 1e-6)
        z = -NormalDist().inv_cdf(p)
    return min(max(z, -Z_CAP), Z_CAP)


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _room(probe: Probe, found: Measurement) -> float:
    """0.5 at the bar, 0.8 a whole bar away from it on the good side, 0.2 on the bad.

    An effect that no null bounds may go on to 1, into the band that calls itself suspicious.
    """
    best = 1.0 if probe.claim is Claim.SUPERIORITY else 0.8
    if found.bar is None:
        return best
    sign = 1.0 if probe.better == "higher" else -1.0
    distance = sign * (found.raw - found.bar) / max(abs(found.bar), 1e-9)
    return min(max(0.5 + 0.3 * distance, 0.0), best)


def merge_weights(*overrides: Mapping[str, float]) -> dict[Category, float]:
    """The default weights with `overrides` applied in turn.

    Raises:
        SwayError: a name is no category, a weight is negative or not finite, or all are zero.
    """
    weights = dict(DEFAULT_WEIGHTS)
    for name, value in (item for override in overrides for item in override.items()):
        if name not in set(Category):
            raise SwayError(f"unknown category {name!r}", where="weights", mend=f"use {', '.join(Category)}")
        if not (math.isfinite(value) and value >= 0):
            raise SwayError(f"weight {name}={value} is not a number >= 0", where="weights")
        weights[Category(name)] = float(value)
    if not any(weights.values()):
        raise SwayError("every weight is zero", where="weights", mend="leave at least one above zero")
    return weights


def band(overall: float) -> str:
    """What the composite is called."""
    for limit, name in BANDS:
        if overall < limit:
            return name
    return "healthy" if overall <= 0.85 else "suspicious"


def compose(probes: Sequence[ProbeResult], weights: Mapping[Category, float], coverage_threshold: float) -> Score:
    """The weighted mean over the categories that were scored; SKIP and ERROR are left out."""
    components = {c: value for c in Category if (value := _component(probes, c)) is not None}
    total = sum(weights[c] for c in components)
    overall = sum(weights[c] * v for c, v in components.items()) / total if total else None
    covered = total / sum(weights.values())
    findings = [*_findings(probes)]
    if overall is not None and covered < coverage_threshold:
        findings.insert(0, f"the score rests on {covered:.0%} of the weight: {', '.join(components)} alone")
    name = band(overall) if overall is not None else "unmeasured"
    return Score(overall, name, components, dict(weights), tuple(findings[:MAX_FINDINGS]))


def _component(probes: Sequence[ProbeResult], category: Category) -> float | None:
    scored = [(p.weight, p.score) for p in probes if p.category is category and p.score is not None and p.weight > 0]
    total = sum(weight for weight, _ in scored)
    # Shares first: the product of a minute weight and a score could vanish.
    return sum(weight / total * value for weight, value in scored) if total else None


def _findings(probes: Sequence[ProbeResult]) -> list[str]:
    """What a reader should know first: what failed, then what could not be told, then what stands out."""
    order = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN)
    found = [f"{p.name}: {p.message}" for verdict in order for p in probes if p.verdict is verdict]
    return found + [f"{p.name}: {reading}" for p in probes if (reading := read_profile(p.z_by_rank))]


def _saturated(z: Sequence[float]) -> bool:
    return len(z) > 1 and min(z) < Z_SHOWN and max(z) >= 3 and z[0] > 2 * max(z[-1], 1.0)


def rank_saturated(profile: Mapping[float, float]) -> bool:
    """Whether z falls so steeply from the lowest rank multiplier to the highest that a smaller rank would do better."""
    return _saturated([z for _, z in sorted(profile.items())])


def read_profile(z_by_rank: Mapping[str, float]) -> str:
    """One line on the shape of a rank profile (z against nulls of several ranks), or nothing."""
    z = [value for _, value in sorted(z_by_rank.items(), key=lambda item: float(item[0].removeprefix("rank_")))]
    if len(z) < 2:
        return ""
    if min(z) >= Z_SHOWN:
        return "far above noise of any of these ranks"
    if max(z) < 3:
        return "barely above noise at any rank"
    if _saturated(z):
        return "rank-saturated: noise of twice the rank nearly hides it; consider halving r"
    return "rank-stable: the signal does not depend on how strong the noise is"
