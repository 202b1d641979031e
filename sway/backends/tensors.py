"""Reads a file of adapter weights as float32, without torch, and without opening anything that can run code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from sway.backends.files import sealed, unsealed
from sway.core.errors import AdapterError

Array = NDArray[np.float32]

WEIGHTS_NAME = "adapter_model.safetensors"
MAX_WEIGHTS_BYTES = 8 << 30
_PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth")
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_tensors(folder: Path) -> tuple[dict[str, Array], memoryview]:
    """The tensors of an adapter folder by name, and the bytes of the file they are in.

    Raises:
        AdapterError: there is no safetensors file, or it is too large, torn, or of a dtype that is not supported.
    """
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        pickle = next((name for name in _PICKLES if (folder / name).exists()), None)
        if pickle:
            what = f"only {pickle} is there, a pickle, which can run code when it is opened; it is left alone"
            raise AdapterError(what, where=str(folder), mend=f"convert it to {WEIGHTS_NAME} where you trust it")
        mend = "give the folder that peft's save_pretrained wrote"
        raise AdapterError(f"has no {WEIGHTS_NAME}", where=str(folder), mend=mend)
    if kept := sealed(folder):
        raise AdapterError("may not be read", where=str(kept), mend=unsealed())
    if path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise AdapterError("is larger than 8 GiB", where=str(path), mend="is it an adapter, or a merged model?")
    try:
        with safe_open(str(path), framework="numpy"):  # checks the header, the offsets and the length
            pass
        raw = memoryview(path.read_bytes())
        return dict(_views(raw, str(path))), raw
    except (SafetensorError, OSError, ValueError) as error:
        what = f"is not a whole safetensors file: {error}"
        raise AdapterError(what, where=str(path), mend="copy or save the adapter again") from None


def _views(raw: memoryview, where: str) -> Iterator[tuple[str, Array]]:
    """The tensors of a file whose header `safetensors` has checked, as float32.

    The library cannot hand bfloat16 to NumPy, so arrays are laid over the bytes it has vouched for.
    """
    start = 8 + int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(bytes(raw[8:start])).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            mend = "save the adapter in float32, float16 or bfloat16"
            raise AdapterError(f"{name} is stored as {entry['dtype']}", where=where, mend=mend)
        low, high = entry["data_offsets"]
        flat = np.frombuffer(raw[start + low : start + high], dtype=_DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            flat = (flat.astype("<u4") << 16).view("<f4")
        yield name, np.asarray(flat, dtype=np.float32).reshape(entry["shape"])
