"""Did the training loss come down smoothly?

Reads the training log, without a model: `logs/train-*.jsonl` of a document store (the newest file),
or the Hugging Face Trainer's `trainer_state.json` in the adapter's folder, a folder above it or a
checkpoint beside it. From the loss a step it takes the smoothness, 1 - var(change) / var(loss), which
is near 1 for a clean descent, -1 for noise, and lower for a loss that swings to and fro; the
convergence ratio, mean loss at the end over that at the start; and the instability events, rises of
more than a multiple of the typical change around them, to as far above the losses before.

Tells you: that training diverged, oscillated or stood still, which explains weak probes elsewhere.

Cannot tell you: whether the loss that it reached is a good one, or what the adapter learned.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sway.core.measurement import Category, Claim
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.probes import descent

_BOUNDS = descent.Bounds()


class Params(CommonParams):
    """Where the log is, and what a calm descent looks like."""

    store_path: Path | None = Field(
        default=None, description="Folder that holds logs/ or trainer_state.json; null looks around the adapter."
    )
    min_steps: int = Field(default=descent.MIN_STEPS, ge=3, description="Fewer logged steps than this are skipped.")
    rolling_window: int = Field(
        default=descent.WINDOW,
        ge=3,
        le=10_000,
        description="Steps averaged at either end, and around a rise.",
    )
    spike_sigma: float = Field(
        default=descent.SPIKE_SIGMA,
        gt=0,
        allow_inf_nan=False,
        description="A rise beyond this multiple of the typical change counts.",
    )
    assert_smoothness_gte: float = Field(
        default=_BOUNDS.smoothness, le=1, allow_inf_nan=False, description="Least smoothness."
    )
    assert_convergence_ratio_lte: float = Field(
        default=_BOUNDS.convergence_ratio,
        ge=0,
        allow_inf_nan=False,
        description="Most loss left at the end, as a share of the start's.",
    )
    assert_instability_events_lte: int = Field(
        default=_BOUNDS.instability_events, ge=0, description="Most instability events."
    )


@probe(
    Category.CALIBRATION,
    Claim.DIAGNOSTIC,
    Params,
    measures="smoothness of the training loss",
    unit="",
    sample="step",
    needs_model=False,
)
def training_drift(params: Params, context: Context) -> Asking:
    """Ask no model: read the log."""
    yield from ()
    return descent.diagnose(
        context.adapter,
        params.store_path,
        min_steps=params.min_steps,
        window=params.rolling_window,
        spike_sigma=params.spike_sigma,
        bounds=descent.Bounds(
            params.assert_smoothness_gte, params.assert_convergence_ratio_lte, params.assert_instability_events_lte
        ),
    )
