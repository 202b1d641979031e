"""Where sway and the tools around it keep files, as the environment decides."""

from __future__ import annotations

import os
from pathlib import Path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
"""The sentence model that is used where no other is named."""


def _expanded(path: str) -> Path:
    """The path with `~` expanded; as it is where the user has no home, as in some containers."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def writable(path: Path) -> Path | None:
    """The path, unless it starts at a home that is not known."""
    return None if str(path).startswith("~") else path


def user_cache() -> Path:
    """Where caches are kept."""
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")


def null_statistics() -> Path | None:
    """The statistics of null adapters; None when `SWAY_DISABLE_NULL_CACHE=1`, or without a home."""
    return _cache("NULL", "null-stats")


def base_answers() -> Path | None:
    """What base models were asked; None when `SWAY_DISABLE_BASE_CACHE=1`, or without a home."""
    return _cache("BASE", "base-answers")


def _cache(variable: str, name: str) -> Path | None:
    if os.environ.get(f"SWAY_DISABLE_{variable}_CACHE") == "1":
        return None
    if chosen := os.environ.get(f"SWAY_{variable}_CACHE_DIR"):
        return writable(_expanded(chosen))
    if os.environ.get("XDG_CACHE_HOME"):
        return writable(user_cache() / "dlm-sway" / name)
    return writable(_expanded(f"~/.dlm-sway/{name}"))


def kept_answers() -> Path | None:
    """What interrupted runs were answered so far; None without a home."""
    return writable(user_cache() / "dlm-sway" / "answers")


def converted_adapters() -> Path:
    """Adapters converted for MLX, by content."""
    return user_cache() / "dlm-sway" / "mlx-converted"


def hugging_face() -> Path:
    """Models fetched from the Hugging Face hub."""
    return _expanded(os.environ.get("HF_HOME") or str(user_cache() / "huggingface"))


def dlm_home() -> Path:
    """The store of the `dlm` tool."""
    return _expanded(os.environ.get("DLM_HOME") or "~/.dlm")
