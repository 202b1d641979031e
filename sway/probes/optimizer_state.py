"""What a saved optimizer tells of a training run: its steps, and each LoRA layer's gradient variance."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sway.core.checkpoint import Tensor, read_checkpoint
from sway.core.errors import SwayError

_LORA_PART = re.compile(r"\.?lora_(A|B|embedding_A|embedding_B|magnitude_vector)\b.*$")


@dataclass(frozen=True)
class LayerVariance:
    """A LoRA layer, and the mean of Adam's second moments over its parameters (nan if one is)."""

    name: str
    variance: float


@dataclass(frozen=True)
class OptimizerState:
    """How many steps the optimizer took, and the variance a layer; no layers where it keeps none."""

    steps: int
    layers: tuple[LayerVariance, ...]


def read_optimizer_state(path: Path) -> OptimizerState:
    """Read a training state: a dict with `global_step` and the optimizer's state dict, or that dict alone.

    Raises:
        SwayError: the file cannot be read safely, or holds neither steps nor an optimizer's state.
    """
    root = read_checkpoint(path)
    saved = root if isinstance(root, dict) else {}
    optimizer = next((v for k in ("optimizer_state_dict", "optimizer") if isinstance(v := saved.get(k), dict)), saved)
    states = optimizer.get("state")
    moments = {i: s for i, s in states.items() if isinstance(s, dict)} if isinstance(states, dict) else {}
    steps = _steps(saved, moments)
    if steps is None:
        raise SwayError(
            "holds neither a global_step nor an optimizer's state",
            where=str(path),
            mend="save a dict with global_step and optimizer_state_dict",
        )
    return OptimizerState(steps, _layers(optimizer.get("param_groups"), moments))


def _steps(saved: Mapping[Any, Any], moments: Mapping[Any, Mapping[Any, Any]]) -> int | None:
    """The steps that the trainer counted, else the most that a parameter was updated."""
    counted = [_number(saved.get(k)) for k in ("global_step", "step")]
    updates = [_number(s.get("step")) for s in moments.values()]
    for found in (counted, updates):
        if known := [n for n in found if n is not None and math.isfinite(n)]:
            return int(max(known))
    return None


def _number(value: object) -> float | None:
    if isinstance(value, Tensor) and value.size == 1:
        return float(value.array().reshape(-1)[0])
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _layers(groups: object, moments: Mapping[Any, Mapping[Any, Any]]) -> tuple[LayerVariance, ...]:
    order, names = _parameters(groups, moments)
    found: dict[str, list[tuple[float, int]]] = {}
    for place, index in enumerate(order):
        second = moments.get(index, {}).get("exp_avg_sq")
        if isinstance(second, Tensor) and second.size:
            name = names[place] if names else f"layer {place // 2}"
            values = second.array()
            layer = found.setdefault(_LORA_PART.sub("", name), [])
            layer.append((float(values.sum(dtype=np.float64)), values.size))
    return tuple(LayerVariance(n, sum(s for s, _ in p) / sum(c for _, c in p)) for n, p in found.items())


def _parameters(groups: object, moments: Mapping[Any, object]) -> tuple[list[Any], Sequence[str]]:
    """The parameters' indices in order, and their names where every group gives them.

    Without names, A and B of a LoRA layer stand next to each other in the model's order.
    """
    order: list[Any] = []
    names: list[str] = []
    for group in groups if isinstance(groups, list) else []:
        if isinstance(group, dict) and isinstance(group.get("params"), list):
            order += [i for i in group["params"] if isinstance(i, int)]
            given = group.get("param_names")
            names += [str(n) for n in given] if isinstance(given, list) else []
    return (order or list(moments)), (names if order and len(names) == len(order) else ())
