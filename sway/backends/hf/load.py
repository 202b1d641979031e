"""Loads a causal language model and its tokenizer, quietly, from a folder or the hub's cache."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from sway.backends.files import folder_at
from sway.core.errors import BackendError
from sway.core.model import ModelSpec

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Loaded:
    """A model in evaluation mode, its tokenizer, and where and how it runs."""

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    seconds: float


def load(spec: ModelSpec) -> Loaded:
    """Load `spec.base`. Raises `BackendError` where it is not there, or cannot be run."""
    start = time.perf_counter()
    device = _device(spec.device)
    dtype = _dtype(spec.dtype, device)
    source = str(folder_at(spec.base) or spec.base)
    common: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code, "local_files_only": _offline()}
    if spec.revision:
        common["revision"] = spec.revision
    with quiet(), _explained(spec.base):
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **common)
        # Only safetensors: the other formats are pickles, which can run code when they are opened.
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source, use_safetensors=True, **{_dtype_argument(): dtype}, **common
        )
        if not getattr(model, "hf_device_map", None):
            model = model.to(device)
    model.requires_grad_(False).eval()
    return Loaded(model, tokenizer, device, dtype, time.perf_counter() - start)


def set_threads(threads: int | None) -> int:
    """Bound CPU threads by `threads`, else OMP_NUM_THREADS, else the physical cores; returns the number in force."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(max(1, threads or (int(stated) if stated.isdecimal() else physical_cores())))
    return torch.get_num_threads()


def physical_cores() -> int:
    """Cores that this process may use, counting hyper-threads of one core once, within a container's share."""
    return max(1, min(_cores(), _share()))


def _share() -> int:
    """How many processors' worth of time a container grants; many where it sets no bound."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):
        return 1 << 16


def _cores() -> int:
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in allowed:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            cores.add(((topology / "physical_package_id").read_text(), (topology / "core_id").read_text()))
        except OSError:
            return len(allowed)
    return len(cores)


def _device(name: str) -> torch.device:
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BackendError(
            f"there is no device {name}", where="models.device", mend="use auto, cpu, cuda or mps"
        ) from None
    if not available.get(device.type, False):
        raise BackendError(f"this machine or this torch has no {name}", where="models.device", mend="use device: auto")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        # Matrix products in bfloat16 are several times slower than float32 on most CPUs.
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return _DTYPES[name]


def _dtype_argument() -> str:
    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    return "dtype" if (major, minor) >= (4, 56) else "torch_dtype"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep loading bars and notices off the user's terminal."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _explained(base: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise BackendError(
            "the model does not fit in memory", where=base, mend="use a smaller dtype or device"
        ) from None
    except Exception as error:  # a loader may raise anything; the user gets one line
        raise BackendError(_reason(error), where=base[:200], mend=_mend(base, str(error))) from error


def _offline() -> bool:
    """Whether the hub must not be asked. Its own library reads this only once, when it is imported."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _reason(error: Exception) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"the base model cannot be loaded: {type(error).__name__}: {first[:200]}"


def _mend(base: str, message: str) -> str:
    if "trust_remote_code" in message:
        return "set trust_remote_code: true if you trust the code that this model ships"
    if "safetensors" in message:
        return "convert its weights to safetensors: pickled weights are not opened"
    if _offline() and folder_at(base) is None:
        return "HF_HUB_OFFLINE is set: download the model first, or unset it"
    return "check that the name or folder is a causal language model with its tokenizer"


def token_limit(config: Any) -> int | None:
    """The most tokens that a model reads at once, where its settings say."""
    settings = config.get_text_config() if hasattr(config, "get_text_config") else config
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
    stated = (getattr(settings, n, None) for n in names)
    limits = [*[int(v) for v in stated if isinstance(v, int) and v > 0][:1], *_before_long_factors(settings)]
    return min(limits, default=None)


def _before_long_factors(settings: Any) -> list[int]:
    """Up to how many tokens LongRoPE reads with one set of factors: beyond, one long text changes all beside it."""
    rope = getattr(settings, "rope_parameters", None) or getattr(settings, "rope_scaling", None) or {}
    kind = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else None
    if kind != "longrope":
        return []
    name = "original_max_position_embeddings"
    first = rope.get(name) or getattr(settings, name, None)
    return [first] if isinstance(first, int) and first > 0 else []


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text."""
    stated = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = stated if isinstance(stated, list) else [stated]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
