"""Writes a PEFT adapter as mlx-lm loads it, with NumPy alone.

mlx-lm computes `x @ W.T + scale * (x @ lora_a) @ lora_b`, with one rank and one scale for all layers. PEFT's A and B
are therefore transposed, padded with zeros to the largest rank, and B is multiplied by its module's own scaling.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from sway.backends.adapter import Adapter, LowRank, read_adapter
from sway.backends.base_folder import read_settings
from sway.backends.files import base_folder
from sway.backends.tensors import Array
from sway.core import folders
from sway.core.errors import AdapterError, SwayError

FORMAT = 1
CONFIG, WEIGHTS = "adapter_config.json", "adapters.safetensors"
_LAYER = re.compile(r"model\.layers\.\d+\.(?P<key>[\w.]+)")
_MEND = "use kind hf, which honors it"


def converted(folder: Path) -> Path:
    """The converted form of an adapter, from the cache, where it is kept under its content.

    Raises:
        AdapterError: the adapter cannot be read, or has a part that mlx-lm's form cannot hold.
        SwayError: the cache cannot be written.
    """
    adapter = read_adapter(folder)
    place = folders.converted_adapters() / f"{adapter.digest}-{FORMAT}"
    if not (place / CONFIG).is_file():
        _write(adapter, place, overwrite=True)
    return place


def convert(source: Path, target: Path, *, overwrite: bool = False) -> int:
    """Convert the adapter in `source` into a new folder `target`; returns how many modules it has.

    Raises:
        AdapterError: as `converted` does.
        SwayError: `target` is there and `overwrite` is not given or it holds other files, or it cannot be written.
    """
    adapter = read_adapter(source)
    _write(adapter, target, overwrite=overwrite)
    return len(adapter.updates)


def tensors(adapter: Adapter) -> dict[str, Array]:
    """`module.lora_a` (in, r) and `module.lora_b` (r, out) of every module, r being the largest rank.

    Raises:
        AdapterError: the adapter has a part that this form cannot hold.
    """
    refuse(adapter)
    rank = max(update.a.shape[0] for update in adapter.updates.values())
    made: dict[str, Array] = {}
    for module, update in adapter.updates.items():
        a, b = factors(update.a, update.b, update.scaling, rank)
        made |= {f"{module}.lora_a": a, f"{module}.lora_b": b}
    return made


def factors(a: Array, b: Array, scaling: float, rank: int) -> tuple[Array, Array]:
    """A (r, in) and B (out, r) as mlx-lm has them, (in, rank) and (rank, out), with the scaling in B."""
    spare = rank - a.shape[0]
    wide_a = np.pad(a.T, ((0, 0), (0, spare)))
    wide_b = np.pad(b.T * np.float32(scaling), ((0, spare), (0, 0)))
    return np.ascontiguousarray(wide_a, dtype=np.float32), np.ascontiguousarray(wide_b, dtype=np.float32)


def refuse(adapter: Adapter) -> None:
    """Raise `AdapterError` for what would be lost or changed in mlx-lm's form."""
    where = str(adapter.folder)
    if adapter.saved:
        what = f"{next(iter(adapter.saved))} is saved whole (modules_to_save), which an mlx adapter cannot hold"
        raise AdapterError(what, where=where, mend=_MEND)
    for module, update in adapter.updates.items():
        if what := _lost(module, update):
            raise AdapterError(f"{module} {what}", where=where, mend=_MEND)
    if bits := _quantized(adapter.config.base_model_name_or_path or ""):
        what = f"was trained on a base that is quantized ({bits}), whose weights mlx cannot read"
        raise AdapterError(what, where=where, mend="use kind hf, or train it on the plain base")


def _lost(module: str, update: LowRank) -> str:
    if update.magnitude is not None:
        return "has a magnitude (DoRA), which is not converted"
    if update.bias is not None:
        return "has a bias (lora_bias), which an mlx adapter cannot hold"
    if update.embedding or not _LAYER.fullmatch(module):
        return "is not a linear layer within model.layers, and only these are converted"
    return ""


def _quantized(base: str) -> str:
    """How a base model's own settings say that it is quantized; empty where they do not, or are not here."""
    folder = base_folder(base) if base else None
    settings = read_settings(folder).get("quantization_config") if folder else None
    if not isinstance(settings, dict):
        return "bitsandbytes, 4 bits, by its name" if "bnb-4bit" in base.lower() else ""
    four = settings.get("load_in_4bit") or settings.get("_load_in_4bit")
    return f"{str(settings.get('quant_method', 'unknown'))[:40]}{', 4 bits' if four else ''}"


def _write(adapter: Adapter, target: Path, *, overwrite: bool) -> None:
    """Write both files beside the target and put them in its place in one step."""
    made = tensors(adapter)
    _check_target(adapter.folder, target, overwrite)
    keys = sorted({m["key"] for module in adapter.updates if (m := _LAYER.fullmatch(module))})
    rank = next(iter(made.values())).shape[1]
    settings = {"rank": rank, "scale": 1.0, "dropout": 0.0, "keys": keys}
    # mlx-lm takes `layers[-max(num_layers, 0):]`, so that -1 is every layer.
    config = {"fine_tune_type": "lora", "num_layers": -1, "lora_parameters": settings}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            save_file(made, half / WEIGHTS)
            (half / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            half.chmod(0o755)
            _replace(half, target)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise SwayError(f"cannot be written: {reason}", where=str(target), mend="choose another folder") from None


def _replace(half: Path, target: Path) -> None:
    """Put a finished folder in place; what another process put there meanwhile is as good."""
    if target.exists():
        old = half.with_name(f"{half.name}.old")
        target.rename(old)
        half.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        half.rename(target)


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    if target.resolve() == source.resolve():
        raise SwayError("is the adapter itself", where=str(target), mend="choose another folder")
    if not target.exists():
        return
    if not target.is_dir() or {path.name for path in target.iterdir()} - {CONFIG, WEIGHTS}:
        raise SwayError("is there and is no converted adapter", where=str(target), mend="choose another folder")
    if not overwrite:
        raise SwayError("is there already", where=str(target), mend="give --overwrite, or choose another folder")
