"""Did the training loss come down smoothly?

Reads the training log, without a model: `logs/train-*.jsonl` of a document store (the newest file),
or the Hugging Face Trainer's `trainer_state.json` in the adapter's folder, a folder above it or a
checkpoint beside it. From the loss a step it takes the smoothness, 1 - var(change) / var(loss); the
convergence ratio, mean loss at the end over that at the start; and the instability events, rises of
more than a multiple of the typical change around them.

Tells you: that training diverged, oscillated or stood still, which explains weak probes elsewhere.

Cannot tell you: whether the loss that it reached is a good one, or what the adapter learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from sway.core.errors import SkipProbe
from sway.core.probe import Asking, Category, Check, Claim, Context, Measurement, probe
from sway.core.probe import Params as CommonParams
from sway.probes.evidence import brief
from sway.probes.training_log import TrainingLog, find_training_log
from sway.stats.series import convergence_ratio, instability_events, smoothness

SHOWN_EVENTS = 20
SHOWN_POINTS = 64


class Params(CommonParams):
    """Where the log is, and what a calm descent looks like."""

    store_path: Path | None = Field(
        default=None, description="Folder that holds logs/ or trainer_state.json; null looks around the adapter."
    )
    min_steps: int = Field(default=10, ge=3, description="Fewer logged steps than this are skipped.")
    rolling_window: int = Field(
        default=10, ge=3, le=10_000, description="Steps averaged at either end, and around a rise."
    )
    spike_sigma: float = Field(
        default=3.0, gt=0, allow_inf_nan=False, description="A rise beyond this multiple of the typical change counts."
    )
    assert_smoothness_gte: float = Field(default=0.7, le=1, allow_inf_nan=False, description="Least smoothness.")
    assert_convergence_ratio_lte: float = Field(
        default=0.7, ge=0, allow_inf_nan=False, description="Most loss left at the end, as a share of the start's."
    )
    assert_instability_events_lte: int = Field(default=0, ge=0, description="Most instability events.")


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
    log = find_training_log(params.store_path, context.adapter)
    if log is None:
        raise SkipProbe("there is no training log", "keep logs/train-*.jsonl or trainer_state.json with the adapter")
    if len(log.losses) < params.min_steps:
        raise SkipProbe(f"the training log has {len(log.losses)} steps, fewer than {params.min_steps}")
    smooth = smoothness(log.losses)
    ratio = convergence_ratio(log.losses, params.rolling_window)
    events = instability_events(log.losses, params.rolling_window, params.spike_sigma)
    return Measurement(
        raw=smooth,
        checks=(
            Check("smoothness", smooth, low=params.assert_smoothness_gte, soft=True),
            Check("convergence_ratio", ratio, high=params.assert_convergence_ratio_lte, soft=True),
            Check("instability_events", len(events), high=params.assert_instability_events_lte, soft=True),
        ),
        evidence=_evidence(log, smooth, ratio, events),
    )


def _evidence(log: TrainingLog, smooth: float, ratio: float, events: list[int]) -> dict[str, Any]:
    stride = -(-len(log.losses) // SHOWN_POINTS)
    return {
        "source": log.path.name,
        "steps": len(log.losses),
        "final_loss": brief(log.losses[-1]),
        "smoothness": brief(smooth),
        "convergence_ratio": brief(min(ratio, 1e9)),
        "instability_events": len(events),
        "instability_steps": [log.steps[i] for i in events[:SHOWN_EVENTS]],
        "loss": [brief(x) for x in log.losses[::stride]],
    }
