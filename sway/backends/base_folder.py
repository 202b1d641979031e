"""Is a folder one that a base model can be loaded from? Decided from its files, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sway.core.errors import BackendError

MAX_CONFIG_BYTES = 64 << 20
_TOKENIZER_FILES = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "spiece*", "merges.txt")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def check_base_folder(folder: Path) -> None:
    """Raise `BackendError` if the settings, the weights or the tokenizer are not there, or an adapter is.

    transformers follows an `adapter_config.json` beside a model: it loads the base that is named there, and
    the adapter into it, and what was taken for the base would be something else.
    """
    if (folder / "adapter_config.json").exists():
        raise _adapter_in(folder)
    if not (folder / "config.json").is_file():
        raise _lacks(folder, "is no model folder: it has no config.json", "give the folder of a base model")
    read_settings(folder)
    if not any(folder.glob("*.safetensors")):
        pickle = next((path.name for kind in _PICKLES for path in sorted(folder.glob(kind))), None)
        if pickle:
            what = f"has no safetensors weights; {pickle} is a pickle, which can run code, and is left alone"
            raise _lacks(folder, what, "convert it to safetensors where you trust it")
        raise _lacks(folder, "has no safetensors weights", "download the base model again, whole")
    if not any(path for kind in _TOKENIZER_FILES for path in folder.glob(kind)):
        mend = "copy the tokenizer's files there, as its save_pretrained writes them"
        raise _lacks(folder, "has no tokenizer", mend)


def read_settings(folder: Path) -> Mapping[str, object]:
    """What `config.json` says; empty where there is none.

    Raises:
        BackendError: it is not a JSON object, or cannot be read.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError(f"more than {MAX_CONFIG_BYTES} bytes")
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _lacks(folder, f"config.json cannot be read: {error}", "get it again") from None
    if not isinstance(settings, dict):
        raise _lacks(folder, "config.json is not a JSON object", "get it again")
    return settings


def _adapter_in(folder: Path) -> BackendError:
    if (folder / "config.json").exists():
        mend = "move the adapter's files to a folder of their own"
        return _lacks(folder, "holds an adapter beside the base, which would be loaded with it", mend)
    return _lacks(folder, "is an adapter and not a base model", "give the folder or hub id of the base model")


def _lacks(folder: Path, what: str, mend: str) -> BackendError:
    return BackendError(what, where=str(folder), mend=mend)
