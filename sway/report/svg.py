"""Draws a chart as shapes: positions and fixed class names, for a template that escapes every value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sway.engine.words import number
from sway.report.charts import Bars, Chart, Curve, Rule, Spread

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 32, 36
ROW = 32
LABEL = 50
"""Characters of a bar's label that fit above it."""
BINS = 28


@dataclass(frozen=True)
class Shape:
    """An element: its tag, its attributes and the text in it."""

    tag: str
    attrs: tuple[tuple[str, str], ...]
    text: str = ""


@dataclass(frozen=True)
class Drawing:
    """A chart as shapes on a canvas."""

    chart: Chart
    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Axis:
    """From values to positions."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value, kept on the canvas."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values along the axis."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / most))
        step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (step * m) <= most)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, first + most + 1) if i * step <= self.high * (1 + 1e-9) + 1e-300]


def axis(values: Sequence[float], start: float, end: float, *, zero: bool = False, pad: float = 0.0) -> Axis:
    """An axis that holds the values, and 0 where `zero`."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    room = pad * (high - low)
    return Axis(low - (room if low < 0 or not zero else 0), high + room, start, end)


@dataclass
class _Canvas:
    width: int = WIDTH
    height: int = HEIGHT
    shapes: list[Shape] = field(default_factory=list)

    def put(self, tag: str, text: str = "", **attrs: object) -> None:
        named = ((k.rstrip("_").replace("_", "-"), str(v)) for k, v in attrs.items())
        self.shapes.append(Shape(tag, tuple(named), text))

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self.put("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def label(self, text: str, x: float, y: float, anchor: str = "start", kind: str = "label") -> None:
        self.put("text", text, class_=kind, x=x, y=y, text_anchor=anchor)

    def across(self, y: Axis, name: str) -> None:
        """The lines, values and name of the vertical axis."""
        for tick in y.ticks(4):
            self.line("grid", LEFT, y(tick), self.width - RIGHT, y(tick))
            self.label(number(tick), LEFT - 5, y(tick) + 4, "end")
        self.label(name, 2, 11, kind="name")

    def along(self, x: Axis, name: str) -> None:
        """The values and name of the horizontal axis."""
        base = self.height - BOTTOM
        self.line("axis", LEFT, base, self.width - RIGHT, base)
        for tick in x.ticks():
            self.line("axis", x(tick), base, x(tick), base + 4)
            self.label(number(tick), x(tick), base + 15, "middle")
        self.label(name[:54], self.width - RIGHT, self.height - 5, "end", "name")

    def rule(self, x: Axis, rule: Rule) -> None:
        """A vertical line at a value, named above the plot."""
        at = x(rule.at)
        self.line("rule", at, TOP - 3, at, self.height - BOTTOM)
        self.label(rule.label, at, TOP - 7, _anchor(at), "rule-name")


def draw(chart: Chart) -> Drawing:
    """The chart as shapes; a chart holds numbers that can be drawn, by construction."""
    canvas = _Canvas()
    match chart:
        case Curve():
            _curve(canvas, chart)
        case Bars():
            canvas.height = ROW * len(chart.bars) + BOTTOM
            _bars(canvas, chart)
        case Spread():
            _spread(canvas, chart)
    return Drawing(chart, canvas.width, canvas.height, tuple(canvas.shapes))


def _curve(canvas: _Canvas, chart: Curve) -> None:
    levels = [r.at for r in chart.rules if r.level]
    x = axis([p[0] for p in chart.points], LEFT, WIDTH - RIGHT, pad=0.03)
    y = axis([p[1] for p in chart.points] + levels, HEIGHT - BOTTOM, TOP, zero=True, pad=0.06)
    canvas.across(y, chart.y)
    canvas.along(x, chart.x)
    for rule in chart.rules:
        if rule.level:
            canvas.line("rule", LEFT, y(rule.at), WIDTH - RIGHT, y(rule.at))
            canvas.label(rule.label, WIDTH - RIGHT, y(rule.at) - 4, "end", "rule-name")
        else:
            canvas.rule(x, rule)
    canvas.put("polyline", class_="curve", points=" ".join(f"{x(a)},{y(b)}" for a, b in chart.points))
    for a, b in chart.points if chart.marks else ():
        canvas.put("circle", class_="dot", cx=x(a), cy=y(b), r=3.5)


def _bars(canvas: _Canvas, chart: Bars) -> None:
    values = [v for _, v in chart.bars] + ([chart.rule.at] if chart.rule else [])
    x = axis(values, 4, WIDTH - 60, zero=True)
    for i, (label, value) in enumerate(chart.bars):
        top = i * ROW
        left, right = sorted((x(0.0), x(value)))
        short = chart.rule is not None and chart.wanted * (value - chart.rule.at) < 0
        canvas.label(label if len(label) <= LABEL else label[: LABEL - 1] + "\u2026", 4, top + 12)
        kind = "short" if short else "bar"
        canvas.put("rect", class_=kind, x=left, y=top + 17, width=max(round(right - left, 1), 1), height=9)
        canvas.label(number(value), WIDTH - 4, top + 25, "end")
        canvas.line("axis", x(0.0), top + 15, x(0.0), top + 28)
        if chart.rule:
            canvas.line("rule", x(chart.rule.at), top + 15, x(chart.rule.at), top + 28)
    base = ROW * len(chart.bars) + 2
    if chart.rule:
        at = x(chart.rule.at)
        canvas.label(f"{chart.rule.label} {number(chart.rule.at)}", at, base + 10, _anchor(at), "rule-name")
    canvas.label(chart.y, WIDTH - 4, base + 26, "end", "name")


def _anchor(at: float) -> str:
    """Which way a label goes from a position, so that it stays on the canvas."""
    return "start" if at < 60 else "end" if at > WIDTH - 60 else "middle"


def _spread(canvas: _Canvas, chart: Spread) -> None:
    rules = [chart.rule.at] if chart.rule else []
    x = axis([*chart.nulls, chart.observed, *rules], LEFT, WIDTH - RIGHT, pad=0.05)
    width = (x.end - x.start) / BINS
    counts = [0] * BINS
    for value in chart.nulls:
        counts[min(int((x(value) - x.start) / width), BINS - 1)] += 1
    y = axis([0.0, float(max(counts))], HEIGHT - BOTTOM, TOP, zero=True, pad=0.2)
    canvas.across(y, chart.y)
    for i, count in enumerate(counts):
        if count:
            box: dict[str, Any] = {
                "x": round(x.start + i * width + 0.5, 1),
                "y": y(count),
                "width": round(width - 1, 1),
            }
            canvas.put("rect", class_="null", **box, height=round(y(0.0) - y(count), 1))
    canvas.along(x, chart.x)
    if chart.rule:
        canvas.rule(x, chart.rule)
    at = x(chart.observed)
    canvas.line("observed", at, TOP + 10, at, HEIGHT - BOTTOM)
    canvas.put("circle", class_="observed-mark", cx=at, cy=TOP + 10, r=5)
    left = at > WIDTH - 100
    canvas.label("this adapter", at - 9 if left else at + 9, TOP + 14, "end" if left else "start", "observed-name")
