"""Adapters made from a trained one without training: pure noise of a chosen size, and one that does nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Weights = dict[str, NDArray[np.float32]]
WEIGHTS = "adapter_model.safetensors"


def noise_adapter(trained: Path, folder: Path, *, seed: int, norm: float = 1.0) -> Path:
    """Copy an adapter with its A and B replaced by Gaussian noise; returns `folder`.

    Each layer's ||BA||_F is `norm` times the trained one's. What is not a LoRA factor stays.
    """

    def noisy(weights: Weights) -> Weights:
        rng = np.random.default_rng(seed)
        for a in sorted(name for name in weights if ".lora_A." in name):
            b = a.replace(".lora_A.", ".lora_B.")
            size = norm * frobenius(weights[a], weights[b])
            first, second = (rng.standard_normal(weights[name].shape) for name in (a, b))
            factor = np.sqrt(size / frobenius(first, second))
            weights[a], weights[b] = (np.asarray(factor * x, dtype=np.float32) for x in (first, second))
        return weights

    return rewritten(trained, folder, noisy)


def noop_adapter(trained: Path, folder: Path) -> Path:
    """Copy an adapter with every B set to zero, so that it changes nothing; returns `folder`."""

    def zeroed(weights: Weights) -> Weights:
        return {name: w * 0 if ".lora_B." in name else w for name, w in weights.items()}

    return rewritten(trained, folder, zeroed)


def rewritten(trained: Path, folder: Path, change: Callable[[Weights], Weights]) -> Path:
    """Copy an adapter's settings and its changed weights, without the traces of its training."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(trained / "adapter_config.json", folder)
    save_file(change(load_file(trained / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def frobenius(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """||BA||_F for A (r, in) and B (out, r), in double precision.

    >>> frobenius(np.ones((1, 4)), np.ones((9, 1)))
    6.0
    """
    return float(np.linalg.norm(b.astype(np.float64) @ a.astype(np.float64)))
