"""What a probe hands to the judge: a statistic, its parts, its bounds. Plain data, cheap to import."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Category(StrEnum):
    """The four questions of the composite score, and the baseline that calibrates them."""

    ADHERENCE = "adherence"
    ATTRIBUTION = "attribution"
    CALIBRATION = "calibration"
    ABLATION = "ablation"
    BASELINE = "baseline"


class Claim(StrEnum):
    """What a probe sets out to show, declared before anything is measured."""

    SUPERIORITY = "superiority"
    NON_INFERIORITY = "non-inferiority"
    SHAPE = "shape"
    DIAGNOSTIC = "diagnostic"


@dataclass(frozen=True)
class Check:
    """A number that must lie in [`low`, `high`]; outside it the probe fails, or warns where `soft`."""

    name: str
    value: float
    low: float = -math.inf
    high: float = math.inf
    soft: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value is a number within the bounds."""
        return math.isfinite(self.value) and self.low <= self.value <= self.high


@dataclass(frozen=True)
class Measurement:
    """What a probe found.

    `raw` is the statistic. `samples` (n,) are its parts, a prompt or a section each, whose mean is
    `raw`; `reference` (m,) are mean-zero residuals of what the samples were contrasted with, which
    add their own uncertainty. `bar` is the least effect that counts (superiority) or the most harm
    that is borne (non-inferiority), in the unit of `raw`; without one, a broken check alone decides, for a probe
    that has nothing to claim. `checks` are further bounds. `note` is a
    clause for the message. `evidence` must be JSON-ready. `measures` and `unit` are set where this
    measurement is of something else than the probe declares, for want of what that needs. `items` (n,) and
    `reference_items` (m,) say what each sample was asked about, such as the prompt's text: two runs are paired
    where these are equal. `scale` says what the samples are: numbers, shares (yes or no as 1 or 0, or rates of
    such), or changes of yes or no (-1, 0 or 1).
    """

    raw: float
    samples: Sequence[float] = ()
    reference: Sequence[float] = ()
    bar: float | None = None
    checks: tuple[Check, ...] = ()
    base_value: float | None = None
    tuned_value: float | None = None
    note: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    measures: str = ""
    unit: str = ""
    items: Sequence[str] = ()
    reference_items: Sequence[str] = ()
    scale: Literal["number", "share", "change"] = "number"


def below(bound: float) -> float:
    """The largest bar that is met only by what lies below `bound`, for bounds that are not reached themselves."""
    return math.nextafter(bound, -math.inf)
