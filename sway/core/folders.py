"""Where sway and the tools around it keep files, as the environment decides."""

from __future__ import annotations

import os
from pathlib import Path


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def null_statistics() -> Path | None:
    """The statistics of null adapters; None when `SWAY_DISABLE_NULL_CACHE=1`."""
    if os.environ.get("SWAY_DISABLE_NULL_CACHE") == "1":
        return None
    if chosen := os.environ.get("SWAY_NULL_CACHE_DIR"):
        return Path(chosen).expanduser()
    if os.environ.get("XDG_CACHE_HOME"):
        return _user_cache() / "dlm-sway" / "null-stats"
    return Path("~/.dlm-sway/null-stats").expanduser()


def converted_adapters() -> Path:
    """Adapters converted for MLX, by content."""
    return _user_cache() / "dlm-sway" / "mlx-converted"


def hugging_face() -> Path:
    """Models fetched from the Hugging Face hub."""
    return Path(os.environ.get("HF_HOME") or _user_cache() / "huggingface").expanduser()


def dlm_home() -> Path:
    """The store of the `dlm` tool."""
    return Path(os.environ.get("DLM_HOME") or "~/.dlm").expanduser()
