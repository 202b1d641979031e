"""The suite that `sway check` makes up: the few questions that need a model and no spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sway.backends.adapter import Adapter
from sway.core.errors import SwayError
from sway.probes.packs import check_prompts
from sway.suite.loader import spec_from_data
from sway.suite.spec import LoadedSpec

MAX_PROMPT_BYTES = 100_000
FACTS = {"items_limit": 10, "assert_fraction_regressed_lt": 0.35, "assert_mean_delta_gte": -1.0}
"""Ten facts, and margins that chance alone does not take a harmless adapter across with so few."""


def quick_suite(adapter: Adapter, base: str | None, prompts: Path | None) -> LoadedSpec:
    """Is there a change beyond noise, and does other text suffer?

    Raises:
        SwayError: no base is known, or the prompts cannot be read.
    """
    base = base or adapter.config.base_model_name_or_path
    if not base:
        what = "the adapter does not say what base it was trained on"
        raise SwayError(what, where=str(adapter.folder), mend="give --base")
    suite: list[dict[str, Any]] = [
        {"name": "null_adapter", "kind": "null_adapter"},
        {"name": "delta_kl", "kind": "delta_kl", "prompts": _prompts(prompts)},
        {"name": "calibration_drift", "kind": "calibration_drift", **FACTS},
        {"name": "external_perplexity", "kind": "external_perplexity", "chunk_chars": 512, "max_chunks": 10},
    ]
    models = {"base": {"base": base}, "ft": {"base": base, "adapter": str(adapter.folder.absolute())}}
    return spec_from_data({"version": 1, "models": models, "suite": suite}, path="sway check")


def _prompts(path: Path | None) -> list[str]:
    if path is None:
        return list(check_prompts())
    try:
        with path.open("rb") as file:
            text = file.read(MAX_PROMPT_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "is not UTF-8 text"
        mend = "give a text file, a prompt a line"
        raise SwayError(f"cannot be read: {reason}", where=str(path), mend=mend) from None
    if len(text.encode()) > MAX_PROMPT_BYTES:
        raise SwayError(f"is larger than {MAX_PROMPT_BYTES} bytes", where=str(path), mend="give fewer prompts")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise SwayError("holds no prompt", where=str(path), mend="write a prompt a line")
    return lines
