"""Was the adapter trained at all, judging by its optimizer's state?

Reads `training_state.pt` beside the adapter, without a model and without running anything in it. The
statistic is the number of optimizer steps. Adam's second moment tells each LoRA layer's gradient
variance: a layer whose mean second moment is far above the lowest layer's had not come to rest.

Tells you: that training broke off early, or that its gradients were not numbers, before any model
is loaded.

Cannot tell you: what was learned. A long and calm training on the wrong text looks well here.

References:
    Kingma, D. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sway.core.measurement import Category, Claim
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.probes import undertraining


class Params(CommonParams):
    """Where the adapter is, and when its training counts as too short or too restless."""

    adapter_path: Path | None = Field(default=None, description="Adapter folder; null takes the suite's adapter.")
    min_steps_threshold: int = Field(
        default=undertraining.MIN_STEPS, ge=0, description="Least number of optimizer steps."
    )
    undertrained_layer_ratio: float = Field(
        default=undertraining.LAYER_RATIO,
        gt=1,
        allow_inf_nan=False,
        description="A layer above this multiple of the lowest counts.",
    )
    layer_failure_frac: float = Field(
        default=undertraining.FAILURE_FRAC,
        ge=0,
        le=1,
        description="Share of such layers above which the probe warns.",
    )


@probe(
    Category.CALIBRATION,
    Claim.DIAGNOSTIC,
    Params,
    measures="optimizer steps taken",
    unit="steps",
    sample="layer",
    needs_model=False,
)
def gradient_ghost(params: Params, context: Context) -> Asking:
    """Ask no model: read the file."""
    yield from ()
    return undertraining.diagnose(
        params.adapter_path or context.adapter,
        min_steps=params.min_steps_threshold,
        layer_ratio=params.undertrained_layer_ratio,
        failure_frac=params.layer_failure_frac,
    )
