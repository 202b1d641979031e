"""The one path from a measurement to a verdict and a score.

A superiority claim passes if the statistic beats the nulls (p <= alpha) and the interval's near
end clears the bar. A non-inferiority claim passes if the interval's far end stays within the
margin; nulls are context for it. Shape and diagnostic claims pass if their checks hold.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sway.core.errors import RequestError, SkipProbe, SwayError
from sway.core.measurement import Claim, Measurement
from sway.core.probe import Params, Probe
from sway.core.results import Interval, NullSummary, ProbeResult
from sway.core.verdicts import Reason, Verdict, by_checks
from sway.core.views import NullFamily
from sway.engine import words
from sway.engine.score import probe_score
from sway.stats.calibration import Calibration, calibrate
from sway.stats.resampling import mean_interval, samples_needed
from sway.stats.shares import answers_needed, change_interval, counted, share_interval


@dataclass(frozen=True)
class Entry:
    """What the suite says of one probe, beyond its parameters."""

    name: str
    probe: Probe
    params: Params
    weight: float = 1.0
    required: bool = True


@dataclass(frozen=True)
class Nulls:
    """A probe's statistic under its nulls, a value a null, by rank multiplier."""

    raw: Mapping[float, Sequence[float]]
    family: NullFamily
    from_cache: int = 0


@dataclass(frozen=True)
class Ruling:
    """What was decided on one measurement, and from what."""

    verdict: Verdict
    reason: Reason
    interval: Interval | None = None
    calibration: Calibration | None = None
    needed: int | None = None


def judge(
    entry: Entry,
    outcome: Measurement | SkipProbe | Exception,
    *,
    nulls: Nulls | None,
    alpha: float,
    seed: int,
    duration: float,
) -> ProbeResult:
    """Judge one probe. Never raises: a measurement that cannot be judged is an ERROR."""
    if isinstance(outcome, SkipProbe):
        return _unmeasured(entry, Verdict.SKIP, str(outcome), duration)
    if isinstance(outcome, Exception):
        return _unmeasured(entry, Verdict.ERROR, _fault(outcome), duration)
    if not all(math.isfinite(x) for x in (outcome.raw, *outcome.samples, *outcome.reference)):
        return _unmeasured(entry, Verdict.ERROR, "the measurement is not a finite number", duration)
    if outcome.measures:
        entry = replace(entry, probe=replace(entry.probe, measures=outcome.measures, unit=outcome.unit))
    ruling = _rule(entry, outcome, nulls, alpha, seed)
    return _result(entry, outcome, ruling, nulls, duration)


def _fault(outcome: Exception) -> str:
    if isinstance(outcome, (SwayError, RequestError)):
        return str(outcome)
    return f"the probe failed: {type(outcome).__name__}: {outcome}"


def _unmeasured(entry: Entry, verdict: Verdict, message: str, duration: float) -> ProbeResult:
    return ProbeResult(
        name=entry.name,
        kind=entry.probe.kind,
        category=entry.probe.category,
        verdict=verdict,
        message=message,
        claim=entry.probe.claim,
        unit=entry.probe.unit,
        measures=entry.probe.measures,
        better=entry.probe.better,
        required=entry.required,
        weight=entry.weight,
        duration_s=duration,
    )


def _rule(entry: Entry, found: Measurement, nulls: Nulls | None, alpha: float, seed: int) -> Ruling:
    probe = entry.probe
    calibration = None
    if nulls is not None and nulls.raw.get(1.0):
        calibration = calibrate(found.raw, nulls.raw[1.0], better=probe.better, alpha=alpha, log_scale=probe.log_scale)
    interval = _interval(found, _stream(seed, entry.name))
    if probe.claim in (Claim.SHAPE, Claim.DIAGNOSTIC):
        verdict, reason = by_checks(found.checks)
    else:
        verdict, reason = _claim(entry, found, calibration, interval, alpha)
    needed = _needed(found, probe) if reason is Reason.INCONCLUSIVE else None
    return Ruling(verdict, reason, interval, calibration, needed)


def _interval(found: Measurement, seed: int) -> Interval | None:
    match _scale(found):
        case "change":
            return change_interval(found.samples)
        case "share":
            return share_interval(found.samples)
        case _:
            return mean_interval(found.samples, found.reference, seed=seed)


def _scale(found: Measurement) -> str:
    """What the samples are taken for: rates that scatter are numbers like others."""
    return "number" if found.scale == "share" and not counted(found.samples) else found.scale


def _needed(found: Measurement, probe: Probe) -> int | None:
    """How many samples would settle it, were they to go on as they are."""
    if found.bar is None:
        return None
    if (scale := _scale(found)) == "number":
        return samples_needed(found.samples, found.reference, bar=found.bar, better=probe.better)
    return answers_needed(found.samples, bar=found.bar, better=probe.better, change=scale == "change")


def _stream(seed: int, name: str) -> int:
    """A bootstrap seed of the probe's own, so that adding a probe moves no other's interval."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _claim(
    entry: Entry, found: Measurement, calibration: Calibration | None, interval: Interval | None, alpha: float
) -> tuple[Verdict, Reason]:
    superiority = entry.probe.claim is Claim.SUPERIORITY
    checked, reason = by_checks(found.checks)
    if found.bar is None and checked is not Verdict.PASS:
        return checked, reason
    beaten = _beats_noise(entry, calibration, alpha) if superiority else True
    if beaten is False:
        return Verdict.FAIL, Reason.NOISE
    sign = 1.0 if entry.probe.better == "higher" else -1.0
    bar = -math.inf if found.bar is None else sign * found.bar
    if sign * found.raw < bar:
        return Verdict.FAIL, Reason.NEGLIGIBLE if superiority else Reason.HARM
    if checked is not Verdict.PASS:
        return checked, reason
    if beaten is None:
        return Verdict.WARN, Reason.FEW_NULLS
    return (checked, reason) if _near_end(interval, sign) >= bar else (Verdict.WARN, Reason.INCONCLUSIVE)


def _beats_noise(entry: Entry, calibration: Calibration | None, alpha: float) -> bool | None:
    """Whether the statistic beats its nulls; None where these are too few, or too much alike, to tell."""
    least = getattr(entry.params, "assert_z_gte", None)
    if calibration is None or calibration.p_value is None:
        return True if least is None else None
    if calibration.first_of_too_few:
        return None
    if calibration.p_value > alpha or least is None:
        return calibration.p_value <= alpha
    return None if calibration.z is None else calibration.z >= least


def _near_end(interval: Interval | None, sign: float) -> float:
    """The end of the interval nearest the bar; a statistic of too few samples to have one clears nothing."""
    if interval is None:
        return -math.inf
    return interval.low if sign > 0 else -interval.high


def _result(entry: Entry, found: Measurement, ruling: Ruling, nulls: Nulls | None, duration: float) -> ProbeResult:
    probe, calibration = entry.probe, ruling.calibration
    return ProbeResult(
        name=entry.name,
        kind=probe.kind,
        category=probe.category,
        verdict=ruling.verdict,
        message=words.message(probe, found, ruling.reason, ruling.interval, calibration, ruling.needed),
        reason=ruling.reason,
        claim=probe.claim,
        unit=probe.unit,
        measures=probe.measures,
        better=probe.better,
        required=entry.required,
        weight=entry.weight,
        score=probe_score(probe, found, ruling.verdict, calibration),
        raw=found.raw,
        bar=found.bar,
        z_score=words.bounded(calibration.z) if calibration else None,
        p_value=calibration.p_value if calibration else None,
        base_value=found.base_value,
        ft_value=found.tuned_value,
        ci_95=ruling.interval,
        samples=tuple(float(x) for x in found.samples),
        null=_summary(nulls, calibration),
        effect_vs_null=_multiple(found.raw, calibration),
        z_by_rank=_profile(probe, found.raw, nulls),
        samples_needed=ruling.needed,
        checks=found.checks,
        evidence=found.evidence,
        duration_s=duration,
    )


def _summary(nulls: Nulls | None, calibration: Calibration | None) -> NullSummary | None:
    if nulls is None or calibration is None:
        return None
    raw = tuple(float(x) for x in nulls.raw[1.0])
    c = calibration
    return NullSummary(c.n, c.mean, c.sd, c.p95, nulls.family, raw, c.degenerate, nulls.from_cache)


def _multiple(raw: float, calibration: Calibration | None) -> float | None:
    """The statistic as a multiple of the null's 95th percentile, where that is positive."""
    return raw / calibration.p95 if calibration and calibration.p95 > 0 else None


def _profile(probe: Probe, raw: float, nulls: Nulls | None) -> dict[str, float]:
    """Z against the nulls of each rank multiplier, where more than one was asked."""
    if nulls is None or len(nulls.raw) < 2:
        return {}
    profile = {
        multiplier: calibrate(raw, values, better=probe.better, log_scale=probe.log_scale).z
        for multiplier, values in sorted(nulls.raw.items())
    }
    return {f"rank_{m:.2f}": z for m, value in profile.items() if (z := words.bounded(value)) is not None}
