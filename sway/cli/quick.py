"""The suites that `sway check` makes up: from the files alone, and the few questions that need a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sway.backends.adapter import check_effect, check_finite, read_adapter
from sway.core.errors import SwayError
from sway.core.results import ProbeResult
from sway.engine.plan import Options
from sway.engine.run import run_disk
from sway.suite.loader import spec_from_data
from sway.suite.spec import LoadedSpec

MAX_PROMPT_BYTES = 100_000
Entries = list[dict[str, Any]]


def disk_suite(adapter: Path, base: str | None) -> LoadedSpec:
    """The diagnostics that read the adapter's folder alone, after its weights have been looked at.

    Raises:
        AdapterError, PreflightError, NoOpError: the adapter cannot be judged, or provably does nothing.
    """
    found = read_adapter(adapter)
    check_finite(found)
    check_effect(found)
    base = base or found.config.base_model_name_or_path
    if not base:
        raise SwayError("the adapter does not say what base it was trained on", where=str(adapter), mend="give --base")
    suite: Entries = [{"name": kind, "kind": kind, "required": False} for kind in ("gradient_ghost", "training_drift")]
    return _loaded(adapter, base, suite)


def _loaded(adapter: Path, base: str, suite: Entries) -> LoadedSpec:
    models = {"base": {"base": base}, "ft": {"base": base, "adapter": str(adapter.expanduser().absolute())}}
    return spec_from_data({"version": 1, "models": models, "suite": suite}, path=Path.cwd() / "sway check")


def diagnose(loaded: LoadedSpec) -> list[ProbeResult]:
    """Run the probes that read files."""
    return run_disk(loaded, Options())


def suite_for(loaded: LoadedSpec, prompts: Path | None) -> LoadedSpec:
    """The questions to the model: is there a change beyond noise, and does other text suffer?"""
    models = loaded.spec.models
    suite: Entries = [
        {"name": "null_adapter", "kind": "null_adapter"},
        {"name": "delta_kl", "kind": "delta_kl", "prompts": _prompts(prompts)},
        {"name": "external_perplexity", "kind": "external_perplexity", "chunk_chars": 512, "max_chunks": 10},
    ]
    return _loaded(Path(models.ft.adapter or ""), models.ft.base, suite)


def _prompts(path: Path | None) -> list[str]:
    from sway.probes.packs import check_prompts

    if path is None:
        return list(check_prompts())
    try:
        with path.open("rb") as file:
            text = file.read(MAX_PROMPT_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "is not UTF-8 text"
        raise SwayError(
            f"cannot be read: {reason}", where=str(path), mend="give a text file, a prompt a line"
        ) from None
    if len(text.encode()) > MAX_PROMPT_BYTES:
        raise SwayError(f"is larger than {MAX_PROMPT_BYTES} bytes", where=str(path), mend="give fewer prompts")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise SwayError("holds no prompt", where=str(path), mend="write a prompt a line")
    return lines
