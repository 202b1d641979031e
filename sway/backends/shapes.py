"""Does an adapter fit a base model? Decided from names and file headers, before anything is loaded.

Shapes come from the headers of the base's safetensors files. Where the base stores packed (quantized)
weights, or is not on this machine, the question is left to the loader, which asks it again of the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from sway.backends.adapter import Adapter, LowRank
from sway.backends.base_folder import check_base_folder, read_settings
from sway.backends.files import base_folder, folder_at, is_hub_id, sealed, unsealed
from sway.core.errors import AdapterError, BackendError

Shape = tuple[int, ...]
_PACKING = re.compile(r"[-_](unsloth|bnb|4bit|8bit|gptq|awq|int4|int8|hf|fp8)\b")
_HEADS = ("lm_head", "embed_out", "output")


@dataclass(frozen=True)
class BaseShapes:
    """The shapes of a base's stored tensors, by name; `tied` says that the output shares the input embedding.

    `nested` says that the language model is a part of another, whose stored names are others than its modules'.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    tied: bool = False
    nested: bool = False

    def weight(self, module: str) -> Shape | None:
        """The shape of a module's weight. Checkpoints may leave out the first part of a path, or add one."""
        name = f"{module}.weight"
        if name in self.shapes:
            return self.shapes[name]
        return next((s for key, s in self.shapes.items() if _same_end(key, name)), None)


def _same_end(one: str, other: str) -> bool:
    return one.endswith("." + other) or other.endswith("." + one)


def check_fit(adapter: Adapter, base: str, revision: str | None = None) -> None:
    """Raise `AdapterError` if the adapter was trained on another base than `base`, a folder or hub id.

    Raises `BackendError` if it is a folder that no base model can be loaded from.
    """
    _check_name(adapter, base)
    if named := folder_at(base):
        check_base_folder(named)
    folder = base_folder(base, revision)
    shapes = read_shapes(folder) if folder else None
    if shapes is None:
        return
    for update in adapter.updates.values():
        _check_update(update, shapes, adapter, base)
    for module, params in adapter.saved.items():
        found = shapes.weight(module)
        if found is not None and "weight" in params and params["weight"].shape != found:
            raise _misfit(adapter, base, module, f"saved weight is {params['weight'].shape}", f"{found}")


def read_shapes(folder: Path) -> BaseShapes | None:
    """The shapes in a model folder; None where it has no safetensors file or its weights are packed."""
    if kept := sealed(folder):
        raise BackendError("may not be read", where=str(kept), mend=unsealed())
    settings = read_settings(folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files or settings.get("quantization_config"):
        return None
    found: dict[str, Shape] = {}
    for path in files:
        try:
            with safe_open(str(path), framework="numpy") as opened:
                found |= {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            what = f"is not a whole safetensors file: {error}"
            raise BackendError(what, where=str(path), mend="download the base model again") from None
    return BaseShapes(found, bool(settings.get("tie_word_embeddings", True)), "text_config" in settings)


def _check_name(adapter: Adapter, base: str) -> None:
    trained = adapter.config.base_model_name_or_path
    if trained and is_hub_id(trained) and is_hub_id(base) and _family(trained) != _family(base):
        mend = f"set the base to {trained}, or correct base_model_name_or_path in adapter_config.json"
        raise AdapterError(
            f"the adapter was trained on {trained}; this base is {base}", where=str(adapter.folder), mend=mend
        )


def _family(name: str) -> str:
    """The last part of a hub id, without marks of packing: a quantized copy is the same base."""
    short = name.rsplit("/", 1)[-1].lower()
    while (bare := _PACKING.sub("", short)) != short:
        short = bare
    return short


def _check_update(update: LowRank, base_shapes: BaseShapes, adapter: Adapter, base: str) -> None:
    found = base_shapes.weight(update.module)
    if found is None and base_shapes.nested:
        return  # the loaded model is asked again
    if found is None:
        # A tied output layer has no weight of its own on disk.
        if base_shapes.tied and update.module.rpartition(".")[2] in _HEADS:
            return
        raise missing(adapter, update.module, base)
    fault = shape_fault(update, found[::-1] if adapter.config.fan_in_fan_out and not update.embedding else found)
    if fault:
        raise _misfit(adapter, base, update.module, *fault)


def shape_fault(update: LowRank, weight: Shape) -> tuple[str, str] | None:
    """What the adapter expects and what the base has, or None where they fit.

    `weight` is (out, in) for a linear layer and (tokens, dim) for an embedding. A linear layer may also be
    stored the other way round: peft corrects `fan_in_fan_out` by the kind of layer, whatever the settings say.
    """
    if len(weight) != 2:
        return "is a linear layer or an embedding", f"of shape {weight}"
    out, into = update.b.shape[0], update.a.shape[1]
    wanted = (into, out) if update.embedding else (out, into)
    if wanted == weight or (not update.embedding and wanted == weight[::-1]):
        return None
    axis = 1 if wanted[1] != weight[1] else 0
    noun = ("tokens large", "wide")[axis] if update.embedding else ("wide at its output", "wide")[axis]
    return f"is {wanted[axis]} {noun}", f"{weight[axis]} {noun}"


def missing(adapter: Adapter, module: str, base: str) -> AdapterError:
    """The error for a module that the base does not have."""
    mend = "give the base model that the adapter was trained on"
    return AdapterError(
        f"the adapter changes {module}, which {base} does not have", where=str(adapter.folder), mend=mend
    )


def _misfit(adapter: Adapter, base: str, module: str, wanted: str, found: str) -> AdapterError:
    what = f"the adapter was trained on a base whose {module} {wanted}; {base} is {found}"
    return AdapterError(what, where=str(adapter.folder), mend="give the base model that the adapter was trained on")
