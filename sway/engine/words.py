"""The sentence that states a verdict: the number, what it was held against, and why it decided."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sway.core.measurement import Check, Claim, Measurement
from sway.core.verdicts import Reason

if TYPE_CHECKING:  # a look at an adapter's files says a sentence too, and must not wait for these
    from sway.core.probe import Probe
    from sway.core.results import Interval
    from sway.stats.calibration import Calibration

Z_SHOWN = 10.0
"""Beyond this a z, with its few nulls, says nothing more; no report holds a larger one."""


def number(value: float) -> str:
    """Three significant digits, plain where that is short."""
    return f"{value:.3g}"


def sigma(z: float) -> str:
    """A z for people."""
    if abs(z) >= Z_SHOWN:
        return ">10" if z > 0 else "<-10"
    return f"{z:+.1f}"


def bounded(z: float | None) -> float | None:
    """A z as reports hold it.

    >>> bounded(560.0), bounded(-2.5), bounded(None)
    (10.0, -2.5, None)
    """
    return None if z is None else min(max(z, -Z_SHOWN), Z_SHOWN)


def message(
    probe: Probe,
    found: Measurement,
    reason: Reason,
    interval: Interval | None,
    calibration: Calibration | None,
    needed: int | None,
) -> str:
    """The whole sentence for one measurement."""
    if probe.claim in (Claim.SHAPE, Claim.DIAGNOSTIC):
        return by_checks(found)
    measured = f"{probe.measures} {number(found.raw)} {probe.unit}".rstrip()
    if interval is not None:
        measured += f" [{number(interval.low)}, {number(interval.high)}]"
    return _join(measured, _decided(probe, found, reason, needed), _noise(probe, reason, calibration), found.note)


def by_checks(found: Measurement) -> str:
    """The sentence for a measurement that checks alone decide."""
    return _join(found.note, *(check_words(c) for c in found.checks if not c.holds)) or "all checks hold"


def _join(*clauses: str) -> str:
    return "; ".join(c for c in clauses if c)


def _decided(probe: Probe, found: Measurement, reason: Reason, needed: int | None) -> str:
    bar = "" if found.bar is None else _bound(probe, found.bar)
    match reason:
        case Reason.NOISE:
            return "no more than noise of the same size does"
        case Reason.NEGLIGIBLE:
            return f"more than noise does, but needs {bar}" if probe.calibrated else f"needs {bar}"
        case Reason.HARM:
            return f"beyond the margin of {bar}"
        case Reason.INCONCLUSIVE:
            more = f": about {needed} {probe.sample}s would settle it" if needed else ""
            return f"inconclusive against {bar}{more}"
        case Reason.FEW_NULLS:
            return f"clears {bar}"
        case Reason.SHAPE:
            return ", ".join(check_words(c) for c in found.checks if not c.holds)
        case _:
            return f"clears {bar}" if probe.claim is Claim.SUPERIORITY else f"within {bar}"


def _bound(probe: Probe, bar: float) -> str:
    if probe.better == "higher":
        return f">= {number(bar)}"
    return f"{'<' if below_its_number(bar) else '<='} {number(bar)}"


def below_its_number(bar: float) -> bool:
    """Whether the number that is told of an upper bar is itself just beyond it."""
    return float(number(bar)) == math.nextafter(bar, math.inf)


def check_words(check: Check) -> str:
    """A check's number, and the bounds that it must keep.

    >>> check_words(Check("smoothness", 0.42, low=0.7))
    'smoothness 0.42, needs >= 0.7'
    """
    bounds = [f">= {number(check.low)}"] if check.low != float("-inf") else []
    bounds += [f"<= {number(check.high)}"] if check.high != float("inf") else []
    state = "" if check.holds else ", outside" if len(bounds) > 1 else ", needs"
    return f"{check.name.replace('_', ' ')} {number(check.value)}{state} {' and '.join(bounds)}".rstrip()


def _noise(probe: Probe, reason: Reason, calibration: Calibration | None) -> str:
    if calibration is None or calibration.p_value is None:
        mend = f": set runs: {calibration.runs_needed}" if calibration and calibration.runs_needed else ""
        return f"(no calibration for {probe.kind}{mend})" if probe.calibrated else ""
    z = f"{sigma(calibration.z)} sigma, " if calibration.z is not None else ""
    how = f"p = {calibration.p_value:.2g} against {calibration.n} nulls"
    if calibration.first_of_too_few:
        how += f" that all came out alike, too few to tell it from noise: set runs: {calibration.runs_needed}"
    elif reason is Reason.FEW_NULLS:
        how += "; a z takes 8 nulls that do not come out alike"
    elif calibration.method == "t":
        how += f" by t prediction; set runs: {calibration.runs_needed} for a rank test"
    return z + how
