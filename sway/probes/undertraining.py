"""Signs of broken training in an optimizer's state. Without pydantic, so that a look at files stays quick."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from sway.core.errors import SkipProbe
from sway.core.measurement import Check, Measurement
from sway.probes.evidence import brief, clip, fit
from sway.probes.optimizer_state import LayerVariance, OptimizerState, read_optimizer_state

STATE_FILE = "training_state.pt"
MIN_STEPS = 50
LAYER_RATIO = 2.0
FAILURE_FRAC = 0.3


def diagnose(
    folder: Path | None,
    *,
    min_steps: int = MIN_STEPS,
    layer_ratio: float = LAYER_RATIO,
    failure_frac: float = FAILURE_FRAC,
) -> Measurement:
    """What the training state in an adapter's `folder` tells; `sway.probes.gradient_ghost` explains the bounds.

    Raises:
        SkipProbe: there is no such file.
        SwayError: it cannot be read safely.
    """
    if folder is None or not (folder / STATE_FILE).is_file():
        raise SkipProbe(f"there is no {STATE_FILE} beside the adapter", "save the trainer's state with the adapter")
    state = read_optimizer_state(folder / STATE_FILE)
    restless = _restless(state, layer_ratio)
    share = len(restless) / len(state.layers) if state.layers else 0.0
    return Measurement(
        raw=float(state.steps),
        checks=_checks(state, share, min_steps, failure_frac),
        note=_note(state, restless, min_steps),
        evidence=_evidence(state, restless, share),
    )


def _restless(state: OptimizerState, ratio: float) -> list[LayerVariance]:
    """Layers whose variance exceeds `ratio` times the lowest, highest first."""
    finite = [layer for layer in state.layers if math.isfinite(layer.variance)]
    lowest = min((layer.variance for layer in finite), default=0.0)
    return sorted((v for v in finite if v.variance > ratio * lowest), key=lambda v: -v.variance)


def _checks(state: OptimizerState, share: float, min_steps: int, failure_frac: float) -> tuple[Check, ...]:
    checks = [Check("global_step", state.steps, low=min_steps)]
    if state.layers:
        finite = sum(math.isfinite(layer.variance) for layer in state.layers) / len(state.layers)
        checks += [
            Check("some_variance_is_a_number", float(finite > 0), low=1),
            Check("share_of_layers_with_a_variance", finite, low=1, soft=True),
            # Soft: deep models trained well have first and last layers far above the calmest one.
            Check("restless_layer_share", share, high=failure_frac, soft=True),
        ]
    return tuple(checks)


def _note(state: OptimizerState, restless: list[LayerVariance], min_steps: int) -> str:
    if state.steps < min_steps:
        return f"severely undertrained: {state.steps} steps, fewer than {min_steps}"
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
