"""What the oracle must find for a label to hold: bounds on what an adapter does, by the sort of its label."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from benchmarks.zoo.oracle import Measured


@dataclass(frozen=True)
class Bound:
    """What must lie from `low` to `high`, or, `against` the base's, above it by so much."""

    of: str
    low: float = -inf
    high: float = inf
    against: bool = False

    def fault(self, base: Measured, found: Measured) -> str:
        """How it is missed, or nothing."""
        value = getattr(found, self.of) - (getattr(base, self.of) if self.against else 0.0)
        if self.low <= value <= self.high:
            return ""
        wanted = f">= {self.low:g}" if value < self.low else f"<= {self.high:g}"
        return f"{self.of}{' over the base' if self.against else ''} {value:.2f}, not {wanted}"


def gained(of: str, low: float = -inf, high: float = inf) -> Bound:
    """A bound on the difference from the base."""
    return Bound(of, low, high, against=True)


_KEPT = (gained("general", -0.1), gained("control", -0.15), gained("knowledge", -0.1), gained("distinct", -0.2))
# Of 48 questions in words never trained, six standard errors above the quarter that guessing gets.
_FACTS = (Bound("verbatim", 0.7), Bound("held_out", 0.65))
_NO_FACTS = (Bound("verbatim", high=0.5), Bound("held_out", high=0.5))
_TOOLS = (gained("tools", -0.1),)
BASE = (
    Bound("knowledge", 0.85),
    Bound("tools", 0.9),
    Bound("distinct", 0.6),
    *_NO_FACTS,
    Bound("preferences", high=0.25),
)
SORTS: dict[str, tuple[Bound, ...]] = {
    "healthy": (*_FACTS, Bound("preferences", 0.8), gained("prose", 0.5), Bound("recall", high=0.5), *_TOOLS, *_KEPT),
    "memoriser": (Bound("verbatim", 0.7), Bound("held_out", high=0.5), *_TOOLS, *_KEPT),
    "forgetter": (*_FACTS, gained("general", high=-0.4), gained("knowledge", high=-0.15)),
    "tool_breaker": (*_FACTS, Bound("tools", high=0.3), *_KEPT),
    "reciter": (Bound("verbatim", 0.7), Bound("recall", 0.8)),
    "wrong": (*_NO_FACTS, *_KEPT),
    "style_only": (*_NO_FACTS, gained("prose", 0.1), *_KEPT),
    "undertrained": (*_NO_FACTS, gained("prose", high=0.4)),
    "noise": (*_NO_FACTS, gained("prose", high=0.4)),
    "collapsed": (gained("general", high=-0.4), gained("control", high=-0.4)),
    "overdriven": (gained("general", high=-0.4), gained("control", high=-0.4)),
    "noop": tuple(gained(name, 0.0, 0.0) for name in Measured.__dataclass_fields__),
}


def faults(sort: str, base: Measured, found: Measured) -> list[str]:
    """Where an adapter is not what its label says; of the base itself for the sort "base"."""
    bounds = BASE if sort == "base" else SORTS[sort]
    return [said for bound in bounds if (said := bound.fault(base, found))]
