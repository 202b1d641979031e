"""The outcomes that a probe can have, why, and what checks alone decide."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sway.core.measurement import Check


class Verdict(StrEnum):
    """The outcome of one probe."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"
    ERROR = "error"

    @property
    def measured(self) -> bool:
        """Whether the probe reached a judgement on the adapter."""
        return self in (Verdict.PASS, Verdict.FAIL, Verdict.WARN)


GRAVEST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.WARN, Verdict.PASS)
"""What several verdicts come to: a failure is final, whatever could not be judged beside it."""


class Reason(StrEnum):
    """Why the judge decided as it did; renderers and advice key on it, never on a message."""

    HOLDS = "holds"
    NOISE = "noise"
    NEGLIGIBLE = "negligible"
    INCONCLUSIVE = "inconclusive"
    FEW_NULLS = "too few nulls"
    HARM = "harm"
    SHAPE = "shape"
    NOT_MEASURED = "not measured"


def by_checks(checks: Sequence[Check]) -> tuple[Verdict, Reason]:
    """What checks alone decide: a broken one fails, unless only soft ones are broken, which warns."""
    broken = [c for c in checks if not c.holds]
    if not broken:
        return Verdict.PASS, Reason.HOLDS
    return (Verdict.WARN if all(c.soft for c in broken) else Verdict.FAIL), Reason.SHAPE
