"""What `adapter_config.json` says, and which of it would change the numbers in a way that is not computed here.

Every key is either understood, known to be harmless once training is over, or must be switched off;
a key that is none of these and is set refuses the adapter, because an unread setting may alter the maths.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sway.backends.patterns import matches, pattern_fault
from sway.core.errors import AdapterError

T = TypeVar("T")

CONFIG_NAME = "adapter_config.json"
MAX_CONFIG_BYTES = 4 << 20

_UNDERSTOOD = {
    "peft_type", "task_type", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora",
    "fan_in_fan_out", "lora_bias", "modules_to_save", "base_model_name_or_path", "init_lora_weights", "bias",
}  # fmt: skip

# Which modules carry an update is read from the tensors themselves; the rest steers training or loading only.
# `auto_mapping` names the class of the base model and is set by peft whenever `task_type` is not.
_HARMLESS = {
    "auto_mapping", "revision", "peft_version", "inference_mode", "target_modules", "exclude_modules", "lora_dropout",
    "layers_to_transform", "layers_pattern", "megatron_core", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "runtime_config", "qalora_group_size",
}  # fmt: skip

# peft computes these initialisations from the base weights and then subtracts them there, so the tensors of a
# saved adapter are relative to weights that nobody has on disk: pissa, olora and loftq recompute them when
# loading, corda and lora_ga cannot. An adapter converted on saving has `init_lora_weights: true` and is plain LoRA.
_INIT_ALTERS_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
_INIT_HARMLESS = {"gaussian", "eva", "orthogonal", "mica", "true", "false", "none"}

_LARGEST = 1e9
_LONGEST = 4096
_OFF: tuple[object, ...] = (None, False, "", [], {})
_MEND_SAVE = "save it again with peft's plain LoRA settings, or score it with a tool that supports this"


@dataclass(frozen=True)
class AdapterConfig:
    """The settings of a LoRA adapter that decide its numbers."""

    r: int
    lora_alpha: float
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    lora_bias: bool = False
    modules_to_save: tuple[str, ...] = ()
    base_model_name_or_path: str | None = None

    def rank(self, module: str) -> int:
        """The rank of `module`'s update."""
        return _by_pattern(self.rank_pattern, module, self.r)

    def scaling(self, module: str) -> float:
        """The factor on B @ A: alpha / r, or alpha / sqrt(r) for rank-stabilized LoRA (arXiv 2312.03732).

        >>> AdapterConfig(r=4, lora_alpha=8, alpha_pattern={"q_proj": 2}).scaling("model.layers.0.q_proj")
        0.5
        >>> AdapterConfig(r=4, lora_alpha=8, use_rslora=True).scaling("model.layers.0.q_proj")
        4.0
        """
        alpha = _by_pattern(self.alpha_pattern, module, self.lora_alpha)
        rank = self.rank(module)
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank


def _by_pattern(patterns: Mapping[str, T], module: str, default: T) -> T:
    """The value of the first pattern that matches the end of a module's path, as peft matches it."""
    for pattern, value in patterns.items():
        if matches(pattern, module):
            return value
    return patterns.get(module, default)


def read_config(folder: Path) -> tuple[AdapterConfig, bytes]:
    """The settings in an adapter folder, and the bytes they were read from.

    Raises:
        AdapterError: the file is missing, unreadable, or sets something that is not supported.
    """
    path = folder / CONFIG_NAME
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if path.is_file() and size <= MAX_CONFIG_BYTES else b""
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not path.is_file():
        raise AdapterError("is not a file", where=str(path), mend="save the adapter again")
    if not raw:
        raise AdapterError(
            f"{size} bytes is not a plausible size for it", where=str(path), mend="save the adapter again"
        )
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"is not JSON: {error}", where=str(path), mend="save the adapter again") from None
    if not isinstance(data, dict):
        raise AdapterError("is not a JSON object", where=str(path), mend="save the adapter again")
    return _parse(data, str(path)), raw


def _unreadable(folder: Path, error: OSError) -> AdapterError:
    """The error for a folder without readable settings; it says what else the folder may be."""
    what, mend = f"cannot read {CONFIG_NAME}: {error.strerror}", "give the folder that peft's save_pretrained wrote"
    inner = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG_NAME}"))
    if isinstance(error, FileNotFoundError) and inner:
        what, mend = f"has no {CONFIG_NAME}, but {inner[-1]} in it has", "give the folder of one adapter"
    elif isinstance(error, FileNotFoundError) and (folder / "config.json").is_file():
        what = f"is a whole model and not an adapter: it has no {CONFIG_NAME}"
    return AdapterError(what, where=str(folder), mend=mend)


def _parse(data: Mapping[str, object], where: str) -> AdapterConfig:
    _refuse_kind(data, where)
    _refuse_settings(data, where)
    read = _Reader(data, where)
    return AdapterConfig(
        r=int(read.whole("r", 8)),
        lora_alpha=read.number("lora_alpha", 8),
        rank_pattern={k: int(v) for k, v in read.patterns("rank_pattern").items()},
        alpha_pattern=read.patterns("alpha_pattern"),
        use_rslora=read.flag("use_rslora"),
        use_dora=read.flag("use_dora"),
        fan_in_fan_out=read.flag("fan_in_fan_out"),
        lora_bias=read.flag("lora_bias"),
        modules_to_save=read.names("modules_to_save"),
        base_model_name_or_path=read.text("base_model_name_or_path"),
    )


def _short(value: object) -> str:
    return str(value)[:80]


def _refuse_kind(data: Mapping[str, object], where: str) -> None:
    kind = data.get("peft_type")
    if kind != "LORA":
        what = f"peft_type is {_short(kind)}, and only LORA can be scored" if kind else "has no peft_type"
        raise AdapterError(what, where=where, mend="sway scores LoRA, rsLoRA, DoRA and QLoRA adapters")
    task = data.get("task_type")
    if task not in (None, "CAUSAL_LM"):
        raise AdapterError(
            f"task_type is {_short(task)}, not CAUSAL_LM", where=where, mend="sway scores causal language models"
        )


def _refuse_settings(data: Mapping[str, object], where: str) -> None:
    init = str(data.get("init_lora_weights", True)).lower()
    if init.startswith(_INIT_ALTERS_BASE):
        mend = "save it with path_initial_model_for_weight_conversion, which makes it plain LoRA"
        raise AdapterError(
            f"init_lora_weights is {_short(init)}, which alters the base's own weights", where=where, mend=mend
        )
    if init not in _INIT_HARMLESS:
        raise AdapterError(f"init_lora_weights is {init[:80]}, which is not known", where=where, mend=_MEND_SAVE)
    if data.get("bias", "none") not in ("none", None):
        raise AdapterError(
            f"bias is {_short(data['bias'])}, which is not supported", where=where, mend='train with bias="none"'
        )
    for key, value in data.items():
        if key not in _UNDERSTOOD and key not in _HARMLESS and value not in _OFF:
            what = f"{key[:80]} is set ({json.dumps(value)[:80]}), which is not supported"
            raise AdapterError(what, where=where, mend=_MEND_SAVE)


@dataclass(frozen=True)
class _Reader:
    """Typed access to a JSON object; every mismatch is an `AdapterError` that names the key."""

    data: Mapping[str, object]
    where: str

    def fault(self, key: str, need: str) -> AdapterError:
        return AdapterError(f"{key[:80]} must be {need}", where=self.where, mend="save the adapter again")

    def number(self, key: str, default: float, least: float = -_LARGEST) -> float:
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _LARGEST:
            raise self.fault(key, "a finite number" + (f" of at least {least:g}" if least > -_LARGEST else ""))
        return value

    def whole(self, key: str, default: int) -> float:
        value = self.number(key, default, least=1)
        if value != int(value):
            raise self.fault(key, "a whole number")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        if value not in (None, True, False):
            raise self.fault(key, "true or false")
        return bool(value)

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.fault(key, "text")
        if value and len(value) > _LONGEST:
            raise self.fault(key, f"text of at most {_LONGEST} characters")
        return value or None

    def names(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key) or ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v for v in value):
            raise self.fault(key, "a list of names")
        return tuple(value)

    def patterns(self, key: str) -> dict[str, float]:
        value = self.data.get(key) or {}
        if not isinstance(value, dict):
            raise self.fault(key, "an object")
        for pattern in value:
            self._check_pattern(key, pattern)
        inner = _Reader(value, self.where)
        return {k: inner.whole(k, 1) if key == "rank_pattern" else inner.number(k, 1) for k in value}

    def _check_pattern(self, key: str, pattern: str) -> None:
        if fault := pattern_fault(pattern):
            raise self.fault(key, fault)
