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

import math
from pathlib import Path
from typing import Any

from pydantic import Field

from sway.core.errors import SkipProbe
from sway.core.probe import Asking, Category, Check, Claim, Context, Measurement, probe
from sway.core.probe import Params as CommonParams
from sway.probes.evidence import brief, clip, fit
from sway.probes.optimizer_state import LayerVariance, OptimizerState, read_optimizer_state

STATE_FILE = "training_state.pt"


class Params(CommonParams):
    """Where the adapter is, and when its training counts as too short or too restless."""

    adapter_path: Path | None = Field(default=None, description="Adapter folder; null takes the suite's adapter.")
    min_steps_threshold: int = Field(default=50, ge=0, description="Least number of optimizer steps.")
    undertrained_layer_ratio: float = Field(
        default=2.0, gt=1, allow_inf_nan=False, description="A layer above this multiple of the lowest counts."
    )
    layer_failure_frac: float = Field(
        default=0.3, ge=0, le=1, description="Share of such layers above which the probe fails; any at all warns."
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
    folder = params.adapter_path or context.adapter
    if folder is None or not (folder / STATE_FILE).is_file():
        raise SkipProbe(f"there is no {STATE_FILE} beside the adapter", "save the trainer's state with the adapter")
    state = read_optimizer_state(folder / STATE_FILE)
    restless = _restless(state, params.undertrained_layer_ratio)
    share = len(restless) / len(state.layers) if state.layers else 0.0
    return Measurement(
        raw=float(state.steps),
        checks=_checks(params, state, share),
        note=_note(params, state, restless),
        evidence=_evidence(state, restless, share),
    )


def _restless(state: OptimizerState, ratio: float) -> list[LayerVariance]:
    """Layers whose variance exceeds `ratio` times the lowest, highest first."""
    finite = [layer for layer in state.layers if math.isfinite(layer.variance)]
    lowest = min((layer.variance for layer in finite), default=0.0)
    return sorted((v for v in finite if v.variance > ratio * lowest), key=lambda v: -v.variance)


def _checks(params: Params, state: OptimizerState, share: float) -> tuple[Check, ...]:
    checks = [Check("global_step", state.steps, low=params.min_steps_threshold)]
    if state.layers:
        finite = sum(math.isfinite(layer.variance) for layer in state.layers) / len(state.layers)
        checks += [
            Check("some_variance_is_a_number", float(finite > 0), low=1),
            Check("share_of_layers_with_a_variance", finite, low=1, soft=True),
            Check("restless_layer_share", share, high=params.layer_failure_frac),
            Check("restless_layers", share, high=0, soft=True),
        ]
    return tuple(checks)


def _note(params: Params, state: OptimizerState, restless: list[LayerVariance]) -> str:
    if state.steps < params.min_steps_threshold:
        return f"severely undertrained: {state.steps} steps, fewer than {params.min_steps_threshold}"
    if not state.layers:
        return "the optimizer keeps no second moments that can be read"
    return f"{len(restless)} of {len(state.layers)} layers had not come to rest" if restless else ""


def _evidence(state: OptimizerState, restless: list[LayerVariance], share: float) -> dict[str, Any]:
    rows = [{"layer": clip(v.name, 120), "variance": brief(v.variance)} for v in restless]
    return {
        "global_step": state.steps,
        "layers": len(state.layers),
        "layers_not_finite": sum(not math.isfinite(v.variance) for v in state.layers),
        "restless_layer_share": brief(share),
        "restless_layers": fit(rows, 4000),
    }
