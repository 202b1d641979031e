"""How a training loss came down. Without pydantic, so that a look at files stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.core.errors import SkipProbe
from sway.core.measurement import Check, Measurement
from sway.probes.evidence import brief
from sway.probes.training_log import TrainingLog, find_training_log
from sway.stats.series import convergence_ratio, instability_events, smoothness

MIN_STEPS = 10
WINDOW = 10
SPIKE_SIGMA = 3.0
SHOWN_EVENTS = 20
SHOWN_POINTS = 64


@dataclass(frozen=True)
class Bounds:
    """What a calm descent looks like: least smoothness, most loss left, most instability events."""

    smoothness: float = -1.5
    convergence_ratio: float = 0.95
    instability_events: int = 0


def diagnose(
    adapter: Path | None,
    store: Path | None = None,
    *,
    min_steps: int = MIN_STEPS,
    window: int = WINDOW,
    spike_sigma: float = SPIKE_SIGMA,
    bounds: Bounds | None = None,
) -> Measurement:
    """What the log in `store`, or around the `adapter`, tells; `sway.probes.training_drift` explains the bounds.

    Raises:
        SkipProbe: there is no log, or fewer than `min_steps` logged steps.
        SwayError: the log cannot be read.
    """
    bounds = bounds or Bounds()
    log = find_training_log(store, adapter)
    if log is None:
        raise SkipProbe("there is no training log", "keep logs/train-*.jsonl or trainer_state.json with the adapter")
    if len(log.losses) < min_steps:
        raise SkipProbe(f"the training log has {len(log.losses)} steps, fewer than {min_steps}")
    smooth = smoothness(log.losses)
    ratio = convergence_ratio(log.losses, window)
    events = instability_events(log.losses, window, spike_sigma)
    return Measurement(
        raw=smooth,
        checks=(
            Check("smoothness", smooth, low=bounds.smoothness, soft=True),
            Check("convergence_ratio", ratio, high=bounds.convergence_ratio, soft=True),
            Check("instability_events", len(events), high=bounds.instability_events, soft=True),
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
