"""Reads an adapter folder as peft writes it, without torch: settings, tensors, and whether they can matter.

Nothing is unpickled or executed. Tensors come out as float32, since peft computes LoRA in float32.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from sway.backends.adapter_config import AdapterConfig, read_config
from sway.backends.files import folder_at
from sway.backends.tensors import WEIGHTS_NAME, Array, read_tensors
from sway.core.errors import AdapterError, NoOpError, PreflightError

_PREFIX = "base_model.model."
_EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "word_embeddings")
_ROLES = {
    "lora_A.weight": "a",
    "lora_B.weight": "b",
    "lora_B.bias": "bias",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
    "base_layer.weight": "base_copy",
}


@dataclass(frozen=True, eq=False)
class LowRank:
    """One module's update: Delta W = scaling * b @ a, with a (r, in) and b (out, r).

    `magnitude` (out,) is DoRA's; `bias` (out,) is added to b's product before scaling; for an `embedding`,
    in counts the tokens. `base_copy` is the base weight that peft stored beside a targeted embedding.
    """

    module: str
    a: Array
    b: Array
    scaling: float
    embedding: bool = False
    magnitude: Array | None = None
    bias: Array | None = None
    base_copy: Array | None = None

    @property
    def norm(self) -> float:
        """||Delta W||_F, from r x r Gram matrices: sqrt(sum(b^T b * a a^T)) * |scaling|."""
        return product_norm(self.a, self.b) * abs(self.scaling)

    @property
    def acts(self) -> bool:
        """Whether the update can change anything: a product that is not identically zero, or trained extras."""
        extras = self.magnitude is not None or (self.bias is not None and bool(self.bias.any()))
        return extras or (self.scaling != 0 and bool(self.a.any()) and bool(self.b.any()))


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter as stored: `updates` by module path, and whole modules that were `saved`, by path and parameter."""

    folder: Path
    config: AdapterConfig
    updates: Mapping[str, LowRank]
    saved: Mapping[str, Mapping[str, Array]]
    _raw: tuple[bytes, memoryview] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the settings and the weights."""
        config, weights = (hashlib.sha256(part).digest() for part in self._raw)
        return hashlib.sha256(config + weights).hexdigest()

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Every tensor that acts, with a name for people."""
        for update in self.updates.values():
            parts = {"A": update.a, "B": update.b, "magnitude": update.magnitude, "bias": update.bias}
            yield from ((f"{update.module} lora_{k}", v) for k, v in parts.items() if v is not None)
        for module, params in self.saved.items():
            yield from ((f"{module}.{name}", value) for name, value in params.items())


def product_norm(a: Array, b: Array) -> float:
    """||b @ a||_F without forming the product, for a (r, in) and b (out, r).

    >>> round(product_norm(np.array([[3.0, 0.0]], "f4"), np.array([[0.0], [2.0]], "f4")), 6)
    6.0
    """
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    return float(np.sqrt(max(0.0, float(((b64.T @ b64) * (a64 @ a64.T)).sum()))))


def read_adapter(folder: Path | str) -> Adapter:
    """Read an adapter folder.

    Raises:
        AdapterError: it is missing, malformed, or of a kind that cannot be scored; the message names the part.
    """
    found = folder_at(str(folder))
    if found is None:
        # Path.exists raises where a name is too long.
        there = os.path.exists(folder)  # noqa: PTH110
        what = "the adapter is not a folder" if there else "the adapter folder does not exist"
        raise AdapterError(what, where=str(folder), mend="give the folder that peft's save_pretrained wrote")
    config, config_bytes = read_config(found)
    tensors, weights = read_tensors(found)
    where = str(found / WEIGHTS_NAME)
    parts, saved = _group(tensors, config, where)
    updates = {m: _update(m, p, config, where) for m, p in sorted(parts.items())}
    if not updates and not saved:
        raise AdapterError("holds no LoRA tensors", where=where, mend="save the adapter again")
    return Adapter(found, config, updates, saved, (config_bytes, weights))


def check_finite(adapter: Adapter) -> None:
    """Raise `PreflightError`, naming the tensor, if any weight is NaN or infinite."""
    for name, tensor in adapter.tensors():
        if not np.isfinite(tensor).all():
            what = f"{name} holds {int((~np.isfinite(tensor)).sum())} values that are not finite"
            raise PreflightError(what, where=str(adapter.folder), mend="train again: the optimizer diverged")


def check_effect(adapter: Adapter) -> None:
    """Raise `NoOpError` if the weights alone prove that the adapter changes nothing.

    A trained DoRA magnitude or a saved module can only be told from the base's own with the base at hand, so
    an adapter that has one is not called a no-op here.
    """
    if not adapter.saved and not any(update.acts for update in adapter.updates.values()):
        what = "every LoRA product is exactly zero, so the adapter changes nothing"
        raise NoOpError(what, where=str(adapter.folder), mend="train it: lora_B starts at zero and has not moved")


def _group(
    tensors: Mapping[str, Array], config: AdapterConfig, where: str
) -> tuple[dict[str, dict[str, Array]], dict[str, dict[str, Array]]]:
    """Tensors by module: the parts of low-rank updates, and the parameters of saved modules."""
    updates: dict[str, dict[str, Array]] = {}
    saved: dict[str, dict[str, Array]] = {}
    for full, tensor in tensors.items():
        name = full.removeprefix(_PREFIX)
        role = next((r for r in sorted(_ROLES, key=len, reverse=True) if name.endswith("." + r)), None)
        owner = _saved_module(name, config.modules_to_save)
        if role:
            part = updates.setdefault(name.removesuffix("." + role), {})
            if _ROLES[role] in part:
                raise AdapterError(f"{full} is stored twice", where=where, mend="save the adapter again")
            part[_ROLES[role]] = tensor
            if role.startswith("lora_embedding"):
                part["embedding"] = tensor
        elif owner and full.startswith(_PREFIX):
            saved.setdefault(owner, {})[name[len(owner) + 1 :]] = tensor
        else:
            mend = "sway accounts for every tensor, so that no effect is left out unseen"
            raise AdapterError(f"{full} is not a tensor of a supported adapter", where=where, mend=mend)
    lost = [name for name in config.modules_to_save if not any(owner.endswith(name) for owner in saved)]
    if lost:
        what = f"modules_to_save names {lost[0]}, of which no tensor is stored"
        raise AdapterError(what, where=where, mend="save the adapter again, whole")
    return updates, saved


def _saved_module(name: str, modules_to_save: tuple[str, ...]) -> str | None:
    """The path of the saved module that a parameter belongs to: the shortest that the settings name."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        path = ".".join(parts[:end])
        if path.endswith(modules_to_save):
            return path
    # peft stores whole embeddings, unasked, where the vocabulary was resized.
    path, _, param = name.rpartition(".")
    return path if param == "weight" and path.rpartition(".")[2] in _EMBEDDINGS else None


def _update(module: str, parts: Mapping[str, Array], config: AdapterConfig, where: str) -> LowRank:
    fault = _part_fault(module, parts, config)
    if fault:
        raise AdapterError(f"{module}: {fault}", where=where, mend="save the adapter again, whole")
    return LowRank(
        module=module,
        a=parts["a"],
        b=parts["b"],
        scaling=config.scaling(module),
        embedding="embedding" in parts,
        magnitude=parts.get("magnitude"),
        bias=parts.get("bias"),
        base_copy=parts.get("base_copy"),
    )


def _part_fault(module: str, parts: Mapping[str, Array], config: AdapterConfig) -> str | None:
    for key, name, wanted in (("magnitude", "use_dora", config.use_dora), ("bias", "lora_bias", config.lora_bias)):
        if (key in parts) != wanted:
            return f"{name} is {str(wanted).lower()} but its {key} is {'stored' if key in parts else 'missing'}"
    if "a" not in parts or "b" not in parts:
        return f"lora_{'B' if 'a' in parts else 'A'} is missing"
    a, b, rank = parts["a"], parts["b"], config.rank(module)
    if a.ndim != 2 or b.ndim != 2:
        return f"its update has {max(a.ndim, b.ndim)} dimensions; only linear layers and embeddings are supported"
    if a.shape[0] != rank or b.shape[1] != rank:
        return f"the settings give rank {rank}, the tensors {a.shape[0]} and {b.shape[1]}"
    flat = {key: parts[key] for key in ("magnitude", "bias") if key in parts}
    wrong = next((key for key, value in flat.items() if value.shape != (b.shape[0],)), None)
    return f"{wrong} has shape {flat[wrong].shape}, not ({b.shape[0]},)" if wrong else None
