"""Which curves and bars a probe's numbers make. Values of the wrong shape make no chart, and no fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sway.engine.words import number
from sway.report import remedies
from sway.report.advice import rank_profile
from sway.report.evidence import shown, words
from sway.report.records import NullRecord, ProbeRecord

MOST_POINTS, MOST_BARS, MOST_RULES = 400, 16, 4
LARGEST = 1e12
"""Beyond this a number cannot be drawn beside others."""


@dataclass(frozen=True)
class Rule:
    """A line across a chart at a value of x (or of y, where `level`)."""

    at: float
    label: str
    level: bool = False


@dataclass(frozen=True)
class Curve:
    """A line through points; `marks` draws the points too."""

    title: str
    said: str
    x: str
    y: str
    points: tuple[tuple[float, float], ...]
    rules: tuple[Rule, ...] = ()
    marks: bool = True

    @property
    def table(self) -> tuple[tuple[str, str], ...]:
        """The points as text."""
        return tuple((number(x), number(y)) for x, y in self.points)


@dataclass(frozen=True)
class Bars:
    """One bar a named thing, with the bar to clear as a rule. `wanted` is 1 where more is better, else -1."""

    title: str
    said: str
    x: str
    y: str
    bars: tuple[tuple[str, float], ...]
    rule: Rule | None = None
    wanted: int = 1

    @property
    def table(self) -> tuple[tuple[str, str], ...]:
        """The bars as text."""
        return tuple((label, number(value)) for label, value in self.bars)


@dataclass(frozen=True)
class Spread:
    """How a statistic is distributed over null adapters, and where the adapter stands."""

    title: str
    said: str
    x: str
    y: str
    nulls: tuple[float, ...]
    observed: float
    rule: Rule | None = None

    @property
    def table(self) -> tuple[tuple[str, str], ...]:
        """The adapter's value, and the nulls' from low to high."""
        low, high = min(self.nulls), max(self.nulls)
        return (
            ("this adapter", number(self.observed)),
            ("lowest null", number(low)),
            ("highest null", number(high)),
            ("nulls", str(len(self.nulls))),
        )


Chart = Curve | Bars | Spread


def charts(p: ProbeRecord, nulls: NullRecord | None) -> tuple[Chart, ...]:
    """What can be drawn of a probe, the most telling first."""
    found = (_curve(p), _bars(p), _spread(p, nulls), _ranks(p))
    return tuple(c for c in found if c is not None)


def numbers(value: Any) -> list[float]:
    """The value as numbers that can be drawn; none of them where one cannot."""
    if not isinstance(value, list) or not all(map(_drawable, value)):
        return []
    return [float(v) for v in value]


def _drawable(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _points(x: Sequence[float], y: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(x, y, strict=False))[:MOST_POINTS] if len(x) > 1 and len(y) > 1 else ()


def _curve(p: ProbeRecord) -> Curve | None:
    drawn = {
        "adapter_ablation": _ablation,
        "multi_turn_coherence_decay": _turns,
        "prompt_collapse": _collapse,
        "training_drift": _loss,
    }
    curve = drawn[p.kind](p.evidence) if p.kind in drawn else None
    return curve if curve and len(curve.points) > 1 else None


def _ablation(e: Mapping[str, Any]) -> Curve:
    points = _points(numbers(e.get("lambdas")), numbers(e.get("distance")) or numbers(e.get("mean_divergence")))
    said = "Healthy is a smooth, rising line with room left beyond 1, the strength that was trained."
    rules = (Rule(1.0, "as trained"),)
    return Curve("Effect as the adapter is turned up", said, "strength", "distance from the base", points, rules)


def _turns(e: Mapping[str, Any]) -> Curve:
    y = numbers(e.get("per_turn"))
    half = e.get("half_life_turns")
    rules = (Rule(float(half), "half-life"),) if half is not None and _drawable(half) and half <= len(y) else ()
    said = "How far the tuned model's words are from the base's, turn by turn; a falling line is a fading effect."
    points = _points([float(i + 1) for i in range(len(y))], y)
    return Curve("Effect over the turns of a dialogue", said, "turn", "divergence, nats", points, rules)


def _collapse(e: Mapping[str, Any]) -> Curve:
    rows = e.get("per_length")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    x, y = (numbers([row.get(name) for row in rows]) for name in ("tokens", "mean_divergence"))
    said = "A falling line is an effect that other text before the prompt hides."
    return Curve("Effect behind other text", said, "tokens of other text", "divergence, nats", _points(x, y))


def _loss(e: Mapping[str, Any]) -> Curve:
    losses, steps = numbers(e.get("loss")), e.get("steps")
    stride = max(1, -(-int(steps) // len(losses))) if losses and _drawable(steps) and steps is not None else 1
    points = _points([float(1 + i * stride) for i in range(len(losses))], losses)
    jumps = numbers(e.get("instability_steps"))[:MOST_RULES]
    rules = tuple(Rule(j, "jump") for j in jumps if points and points[0][0] <= j <= points[-1][0])
    said = "Healthy is a line that comes down without jumps."
    return Curve("Training loss", said, "step", "loss", points, rules, marks=False)


def _ranks(p: ProbeRecord) -> Curve | None:
    points = tuple((m, z) for m, z in rank_profile(p).items() if _drawable(m) and _drawable(z))[:MOST_POINTS]
    if len(points) < 2:
        return None
    said = "A line that falls steeply says that a smaller rank would stand out more; 3 sigma is a common bar."
    title = "Against noise of other ranks"
    return Curve(title, said, "rank of the noise, as a multiple", "sigma", points, (Rule(3.0, "3 sigma", level=True),))


def _bars(p: ProbeRecord) -> Bars | None:
    if p.kind not in remedies.POINTS:
        return None
    points = remedies.POINTS[p.kind]
    rows = p.evidence.get(points.key)
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    bars = [(_label(row, points.names), float(row[points.value])) for row in rows if _drawable(row.get(points.value))]
    if len(bars) < 2:
        return None
    more = f", the first {MOST_BARS} of {len(bars)}" if len(bars) > MOST_BARS else ""
    title = f"{words(points.value).capitalize()} by {points.noun}{more}"
    own = points.unit is None and p.bar is not None and _drawable(p.bar)
    rule = Rule(points.sign * p.bar, "bar") if own and p.bar is not None else None
    wanted = points.sign * (1 if p.better == "higher" else -1)
    return Bars(
        title, "", points.noun, p.unit if points.unit is None else points.unit, tuple(bars[:MOST_BARS]), rule, wanted
    )


def _label(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((shown(row[n]) for n in names if isinstance(row.get(n), str) and row[n]), "unnamed")


def _spread(p: ProbeRecord, nulls: NullRecord | None) -> Spread | None:
    if nulls is None or p.raw is None or not _drawable(p.raw) or len(values := numbers(nulls.raw)) < 2:
        return None
    beaten = sum(p.raw > v if p.better == "higher" else p.raw < v for v in values)
    side = "above" if p.better == "higher" else "below"
    said = f"{p.measures or p.kind}: {side} that of {beaten} of {len(values)} random adapters of its own size."
    rule = Rule(p.bar, "bar") if p.bar is not None and _drawable(p.bar) else None
    title = "Against random adapters"
    return Spread(title, said[:1].upper() + said[1:], p.unit or "value", "adapters", tuple(values), p.raw, rule)
