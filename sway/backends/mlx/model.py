"""A model that mlx-lm runs, and the views of it: the only module that imports mlx, and not before it is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sway.backends.adapter import Adapter
from sway.backends.base_folder import read_settings
from sway.backends.files import base_folder
from sway.backends.mlx.convert import factors
from sway.backends.nulls import null_update
from sway.backends.tensors import Array
from sway.core.errors import BackendError
from sway.core.model import ModelSpec
from sway.core.views import TUNED, View

_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class Layer(Protocol):
    """A low-rank layer of mlx-lm."""

    scale: float
    lora_a: Any
    lora_b: Any


class Model:
    """One model with one adapter; it shows one view at a time."""

    def __init__(self, spec: ModelSpec, adapter: Adapter, converted: Path) -> None:
        """Load the base and the converted adapter. Raises `BackendError` where mlx-lm cannot."""
        folder = base_folder(spec.base, spec.revision)
        if folder is None:
            raise BackendError("is not on this machine", where=spec.base, mend="download it first, or give its folder")
        _check_code(folder, spec)
        self.mx, utils = import_module("mlx.core"), import_module("mlx_lm.utils")
        try:
            model, config = utils.load_model(folder)
            self.model: Any = utils.load_adapters(model, str(converted))
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise BackendError(f"mlx-lm cannot load it: {reason}", where=spec.base, mend="use kind hf") from error
        self.model.eval()
        if spec.dtype != "auto":
            self.model.set_dtype(getattr(self.mx, _DTYPES[spec.dtype]))
        self.adapter, self.config = adapter, config
        found = dict(self.model.named_modules())
        self.layers: dict[str, Layer] = {
            name: found[name] for name in adapter.updates if hasattr(found.get(name), "lora_a")
        }
        if lost := set(adapter.updates) - set(self.layers):
            raise BackendError(
                f"has no layer {min(lost)}, which the adapter changes", where=spec.base, mend="use kind hf"
            )
        self._trained = {name: (layer.lora_a, layer.lora_b) for name, layer in self.layers.items()}
        self._shown = TUNED

    @property
    def device(self) -> str:
        """Where mlx runs it."""
        return "mlx-gpu" if self.mx.default_device().type == self.mx.gpu else "mlx-cpu"

    @property
    def dtype(self) -> str:
        """What its weights are in."""
        return str(self.model.layers[0].input_layernorm.weight.dtype).removeprefix("mlx.core.")

    def logits(self, ids: tuple[int, ...], view: View) -> Array:
        """Logits (n, vocabulary) in float32 after each of n tokens, as a view has them."""
        self._show(view)
        found: Array = self._float(self.model(self.mx.array([ids])))[0]
        return found

    def writer(self, view: View) -> Any:
        """A function from further ids to the logits (vocabulary,) after the last: what was given before is kept."""
        self._show(view)
        cache = import_module("mlx_lm.models.cache").make_prompt_cache(self.model)
        return lambda ids: self._float(self.model(self.mx.array([ids]), cache=cache))[0, -1]

    def _float(self, logits: Any) -> Array:
        return np.asarray(logits.astype(self.mx.float32), dtype=np.float32)

    def _show(self, view: View) -> None:
        if view == self._shown:
            return
        for name, layer in self.layers.items():
            layer.scale = view.scale
            if view.null is None or view.is_base:
                layer.lora_a, layer.lora_b = self._trained[name]
            else:
                null = null_update(self.adapter.updates[name], view.null)
                pair = factors(null.a, null.b, null.scaling, null.a.shape[0])
                layer.lora_a, layer.lora_b = (self.mx.array(part) for part in pair)
        self._shown = view


def _check_code(folder: Path, spec: ModelSpec) -> None:
    """Refuse a base that names a Python file of its own, which some versions of mlx-lm run without asking.

    `auto_map` names code too, but for transformers alone: mlx-lm has classes of its own in place of it.
    """
    if read_settings(folder).get("model_file") is not None and not spec.trust_remote_code:
        mend = "set trust_remote_code: true if you trust the code that this model ships"
        raise BackendError("config.json has mlx-lm run a file of the model (model_file)", where=spec.base, mend=mend)
