"""What to try next, each piece of advice with the evidence that calls for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sway.core.verdicts import Reason, Verdict
from sway.engine.score import rank_saturated
from sway.engine.words import check_words, number, sigma
from sway.report import remedies
from sway.report.records import ProbeRecord

OUT_OF_REACH = 50
"""How many times the samples given nobody would write."""
NAMED = 3
"""How many rows of evidence are named as the reason."""


@dataclass(frozen=True)
class Advice:
    """What to do, in words of ours, and why, which may quote the report."""

    do: str
    because: str = ""


def advise(p: ProbeRecord) -> tuple[Advice, ...]:
    """What to do about a probe; nothing where there is nothing to do."""
    advice = list(_advise(p))
    ranks = rank_profile(p)
    if rank_saturated(ranks):
        advice.append(Advice(remedies.SATURATED, ", ".join(f"{sigma(z)} sigma at {m:g}x" for m, z in ranks.items())))
    return tuple({a.do: a for a in reversed(advice)}.values())[::-1]


def rank_profile(p: ProbeRecord) -> dict[float, float]:
    """Z by rank multiplier, lowest first; whatever is not a number is left out."""
    found = p.evidence.get("z_by_rank")
    pairs = [(_multiple(k), v) for k, v in found.items()] if isinstance(found, Mapping) else []
    return dict(sorted((m, float(z)) for m, z in pairs if m is not None and isinstance(z, int | float)))


def _multiple(key: str) -> float | None:
    try:
        return float(key.removeprefix("rank_"))
    except ValueError:
        return None


def _advise(p: ProbeRecord) -> Iterator[Advice]:
    if p.verdict is Verdict.SKIP:
        if p.required:
            yield Advice(remedies.SKIPPED, p.message)
    elif p.verdict is Verdict.ERROR:
        yield Advice(remedies.ERROR, p.message)
    elif p.verdict is not Verdict.PASS:
        yield from _judged(p)


def _judged(p: ProbeRecord) -> Iterator[Advice]:
    """For a warning or a failure: by the checks that are broken, else by the reason."""
    if p.samples_needed:
        yield _more_samples(p.samples_needed, len(p.samples))
        return
    if p.reason is Reason.NOISE and _beyond_bar(p):
        yield Advice(remedies.UNSTRUCTURED, measured(p))
        return
    if p.evidence.get("flat") is True:
        yield Advice(remedies.FLAT, p.message)
        return
    broken = [c.check() for c in p.checks if not c.holds]
    known = [(c, do) for c in broken if (do := remedies.BY_CHECK.get((p.kind, c.name)))]
    if p.reason is Reason.SHAPE and known:
        points = _points(p)
        yield from (Advice(do, _join(check_words(c), points)) for c, do in known)
        return
    fallback = remedies.FAILING.get(p.kind) if p.verdict is Verdict.FAIL or broken else None
    do = remedies.BY_KIND.get((p.kind, p.reason)) or fallback or remedies.BY_REASON.get(p.reason)
    if do:
        because = ", ".join(map(check_words, broken)) if p.reason is Reason.SHAPE else measured(p)
        yield Advice(do, _join(because, _points(p)))


def _more_samples(needed: int, given: int) -> Advice:
    if needed > OUT_OF_REACH * max(given, 1):
        return Advice(remedies.AT_ITS_BAR, f"{given} given, about {needed} needed")
    return Advice(f"Give it about {needed} samples (it has {given}).", "its interval straddles the bar")


def _beyond_bar(p: ProbeRecord) -> bool:
    """Whether the statistic clears its bar, as that of a collapsed adapter does."""
    if p.raw is None or p.bar is None:
        return False
    return p.raw >= p.bar if p.better == "higher" else p.raw <= p.bar


def measured(p: ProbeRecord) -> str:
    """The number and its bar, as far as there are any."""
    if p.raw is None:
        return ""
    bar = "" if p.bar is None else f", {'at least' if p.better == 'higher' else 'at most'} {number(p.bar)} is asked"
    return f"{number(p.raw)} {p.unit}".rstrip() + bar


def _join(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _points(p: ProbeRecord) -> str:
    """The first rows of the evidence, which lists the worst first, by name and number."""
    if p.kind == "training_drift":
        steps = p.evidence.get("instability_steps")
        return f"at steps {', '.join(map(str, steps[:NAMED]))}" if isinstance(steps, list) and steps else ""
    if p.kind not in remedies.POINTS:
        return ""
    points = remedies.POINTS[p.kind]
    rows = p.evidence.get(points.key)
    found = [_point(row, points) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return ", ".join(list(filter(None, found))[:NAMED])


def _point(row: Mapping[str, Any], points: remedies.Points) -> str:
    name = next((row[n] for n in points.names if isinstance(row.get(n), str) and row[n]), "")
    amount = row.get(points.value)
    shown = f" {number(amount)}" if isinstance(amount, int | float) else ""
    return f"\u201c{name[:60]}\u201d{shown}" if name else ""
