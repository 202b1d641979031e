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

_BLOCK = re.compile(r"^(.*?\.(\d+))\.")
_LORA_PART = re.compile(r"\.?lora_(A|B|embedding_A|embedding_B|magnitude_vector)\b.*$")


@dataclass(frozen=True)
class LayerVariance:
    """A layer and the mean of Adam's second moments over its LoRA parameters (nan if one is).

    A layer is a block of the model where the parameters' names are known, from the state or from the
    adapter beside it; otherwise a pair of A and B.
    """

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
    return OptimizerState(steps, _layers(optimizer.get("param_groups"), moments, path.parent))


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


def _layers(groups: object, moments: Mapping[Any, Mapping[Any, Any]], adapter: Path) -> tuple[LayerVariance, ...]:
    order, names = _parameters(groups)
    tensors = [(i, t) for i in order or moments if isinstance(t := moments.get(i, {}).get("exp_avg_sq"), Tensor)]
    names = names or _saved_names(adapter)
    labels = [_block(n) for n in names] if len(names) == len(order or moments) else _pairs([t for _, t in tensors])
    if len(labels) != len(tensors):
        labels = [f"parameter {i}" for i, _ in tensors]
    found: dict[str, list[tuple[float, int]]] = {}
    for label, (_, tensor) in zip(labels, tensors, strict=True):
        if tensor.size:
            found.setdefault(label, []).append((float(tensor.array().sum(dtype=np.float64)), tensor.size))
    return tuple(LayerVariance(n, sum(s for s, _ in p) / sum(c for _, c in p)) for n, p in found.items())


def _parameters(groups: object) -> tuple[list[Any], list[str]]:
    """The parameters' indices in the model's order, and their names where every group gives them."""
    order: list[Any] = []
    names: list[str] = []
    for group in groups if isinstance(groups, list) else []:
        if isinstance(group, dict) and isinstance(group.get("params"), list):
            order += [i for i in group["params"] if isinstance(i, int)]
            given = group.get("param_names")
            names += [str(n) for n in given] if isinstance(given, list) else []
    return order, (names if len(names) == len(order) else [])


def _saved_names(adapter: Path) -> list[str]:
    """The names of the adapter's tensors, block after block as in the model; none without a readable file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(adapter / "adapter_model.safetensors", framework="np") as file:
            names = list(file.keys())
    except (OSError, SafetensorError):
        return []
    return sorted(names, key=lambda n: int(m[2]) if (m := _BLOCK.match(n)) else -1)


def _block(name: str) -> str:
    """The model's block that a parameter belongs to, or its module where the model has no blocks."""
    return m[1] if (m := _BLOCK.match(name)) else _LORA_PART.sub("", name)


def _pairs(tensors: Sequence[Tensor]) -> list[str]:
    """A label for each of nameless tensors: A (r, in) and B (out, r) side by side make one LoRA layer."""
    labels: list[str] = []
    while len(labels) < len(tensors):
        at = len(labels)
        paired = at + 1 < len(tensors) and _low_rank(tensors[at].shape, tensors[at + 1].shape)
        labels += [f"parameters {at} and {at + 1}"] * 2 if paired else [f"parameter {at}"]
    return labels


def _low_rank(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return len(a) == len(b) == 2 and a[0] == b[1] and a[0] < a[1] and b[1] < b[0]
