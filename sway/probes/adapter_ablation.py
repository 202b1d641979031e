"""Does the model respond smoothly as the adapter is turned up?

Scales the adapter's update by each lambda, from none of it (0) past all of it (1), and takes the
divergence of the next token from the base's, averaged over the prompts. The shape is read off a
distance made from that mean: sqrt(-ln(1 - JS / ln 2)) for Jensen-Shannon, the square root for
Kullback-Leibler. Small updates move it in proportion to lambda, and it has no ceiling. The statistic
is its linearity: the share of its variance that a straight line explains. `docs/design/ablation.md`
gives the reasons.

Tells you: whether the adapter sits in a healthy range. A smooth, rising, unsaturated curve leaves
room on both sides; a step, a plateau or a crash says that the update is too large or has collapsed.

Cannot tell you: whether the change is the wanted one. Noise of moderate size responds smoothly too.

References:
    Ilharco, G. et al. (2023). Editing models with task arithmetic. ICLR.
    Endres, D. and Schindelin, J. (2003). A new metric for probability distributions. IEEE Trans. Inf. Theory 49(7).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import fmean
from typing import Annotated, Any

from pydantic import Field, field_validator

from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, Context, PromptParams, probe
from sway.core.requests import Answers, NextToken
from sway.core.views import BASE, View
from sway.probes.evidence import brief
from sway.stats.curves import SweepShape, overlap_distance, sweep_shape
from sway.stats.divergence import DIVERGENCES

MOST_DROP = 0.1
_DISTANCES = {"js": overlap_distance, "kl": math.sqrt}

Lambda = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]


class Params(PromptParams):
    """The prompts, the lambdas, and the shape that a healthy curve has."""

    lambdas: tuple[Lambda, ...] = Field(
        default=(0.0, 0.25, 0.5, 0.75, 1.0, 1.25),
        min_length=3,
        max_length=32,
        description="Multiples of the adapter, increasing.",
    )
    assert_linearity_gte: float = Field(
        default=0.85, ge=0, le=1, description="Least share of the distance's variance that a straight line explains."
    )
    assert_saturation_between: tuple[float, float] = Field(
        default=(0.3, 1.05), description="Where 90% of the distance at lambda 1 may be reached."
    )
    assert_overshoot_gte: float = Field(
        default=1.02, ge=0, description="Least distance at the largest lambda, over that at lambda 1."
    )

    @field_validator("lambdas")
    @classmethod
    def _increasing(cls, lambdas: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(lambdas)):
            raise ValueError("lambdas must increase")
        return lambdas


@probe(
    Category.ABLATION,
    Claim.SHAPE,
    Params,
    measures="linearity of the distance from the base over lambda",
    unit="R squared",
)
def adapter_ablation(params: Params, context: Context) -> Asking:
    """Ask for each prompt's next token at every lambda."""
    top_k = params.support(context)
    prompts = [params.put(p) for p in params.prompts]
    asked = {
        scale: [(NextToken(BASE, p, top_k), NextToken(View(scale), p, top_k)) for p in prompts]
        for scale in params.lambdas
    }
    got = yield [question for pairs in asked.values() for pair in pairs for question in pair]
    curve = _curve(asked, got, params.divergence)
    distance = [_DISTANCES[params.divergence](d) for d in curve]
    shape = sweep_shape(params.lambdas, distance)
    return Measurement(
        raw=shape.linearity,
        checks=_checks(params, shape),
        note="the adapter changes nothing at any lambda" if shape.flat else "",
        evidence=_evidence(params, curve, distance, shape),
    )


def _curve(asked: Mapping[float, list[tuple[NextToken, NextToken]]], got: Answers, divergence: str) -> list[float]:
    """Mean divergence from the base over the prompts, a lambda each."""
    diverge = DIVERGENCES[divergence]
    return [
        fmean(diverge(got[base].masses(), got[scaled].masses()) for base, scaled in pairs) for pairs in asked.values()
    ]


def _checks(params: Params, shape: SweepShape) -> tuple[Check, ...]:
    low, high = params.assert_saturation_between
    checks = [
        Check("linearity", shape.linearity, low=params.assert_linearity_gte),
        Check("saturation_lambda", shape.saturation, low=low, high=high),
        Check("largest_drop", shape.largest_drop, high=MOST_DROP),
    ]
    # With nothing asked beyond lambda 1 there is no overshoot to look at.
    if params.lambdas[-1] > 1:
        checks.append(Check("overshoot", shape.overshoot, low=params.assert_overshoot_gte))
    return tuple(checks)


def _evidence(params: Params, curve: list[float], distance: list[float], shape: SweepShape) -> dict[str, Any]:
    return {
        "divergence": params.divergence,
        "lambdas": list(params.lambdas),
        "mean_divergence": [brief(d) for d in curve],
        "distance": [brief(d) for d in distance],
        "linearity": brief(shape.linearity),
        "saturation_lambda": brief(shape.saturation),
        "overshoot": brief(shape.overshoot),
        "largest_drop": brief(shape.largest_drop),
        "slope": brief(shape.slope),
        "flat": shape.flat,
    }
