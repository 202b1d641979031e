"""Makes the backend that a spec's `models` ask for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sway.core.errors import BackendError, SwayError, require

if TYPE_CHECKING:  # a look at an adapter's files imports this package, and must not wait for these
    from sway.backends.hf.backend import HFBackend
    from sway.backends.interface import Backend
    from sway.backends.shelf import Shelf
    from sway.core.model import ModelSpec
    from sway.core.trace import Tracer

ALLOW_CUSTOM = "SWAY_ALLOW_CUSTOM"
"""Must be 1 for a spec to name code that runs: a spec may come from a pull request."""


def build(
    base: ModelSpec,
    tuned: ModelSpec | None = None,
    *,
    adapter_path: str | os.PathLike[str] | None = None,
    differential: bool = True,
    threads: int | None = None,
    shelf: Shelf[Any] | None = None,
    tracer: Tracer | None = None,
    memory: int | None = None,
) -> Backend:
    """Load the model and adapter and return what answers questions about them.

    Without `tuned` it is `base` with the adapter at `adapter_path`, or with its own.

    With `differential` one model serves every view; without it a second, untouched copy answers the base view.
    `threads` bounds the CPU threads and defaults to the physical cores. A `shelf` keeps the base that is loaded
    for the next backend that is built with it, once this one is closed. A `tracer` is told of each batch of kind hf,
    and `memory` is how many bytes its model and batches may take, as far as that can be.

    Raises:
        AdapterError, PreflightError: the adapter cannot be scored.
        BackendError: the base cannot be loaded, or the kind is not available.
    """
    tuned = tuned or base.model_copy(update={"adapter": os.fspath(adapter_path)} if adapter_path else {})
    makers: dict[str, Callable[[], Backend]] = {
        "hf": lambda: _hf(base, tuned, differential, threads, shelf).traced(tracer).limited(memory),
        "mlx": lambda: _mlx(base, tuned, differential),
        "api": lambda: _api(base, tuned),
        "dummy": lambda: _dummy(base, tuned),
        "custom": lambda: _custom(base, tuned),
    }
    if memory is not None and tuned.kind != "hf":
        raise BackendError(f"kind {tuned.kind} cannot keep to it", where="--memory", mend="leave it out")
    return makers[tuned.kind]()


def _hf(
    base: ModelSpec,
    tuned: ModelSpec,
    differential: bool,
    threads: int | None,
    shelf: Shelf[Any] | None,
) -> HFBackend:
    require("hf", "torch", "transformers")
    from sway.backends.hf.backend import HFBackend

    return HFBackend.load(base, tuned, differential=differential, threads=threads, shelf=shelf)


def _mlx(base: ModelSpec, tuned: ModelSpec, differential: bool) -> Backend:
    require("mlx", "mlx", "mlx_lm")
    require("hf", "transformers")
    from sway.backends.mlx.backend import MLXBackend

    return MLXBackend.load(base, tuned, differential=differential)


def _api(base: ModelSpec, tuned: ModelSpec) -> Backend:
    require("api", "httpx", "tenacity")
    from sway.backends.api.backend import ApiBackend

    return ApiBackend.connect(base, tuned)


def _dummy(base: ModelSpec, tuned: ModelSpec) -> Backend:
    from sway.backends.dummy import DummyBackend

    return DummyBackend(base, tuned)


def _custom(base: ModelSpec, tuned: ModelSpec) -> Backend:
    """Import `package.module:Class` from the spec's `entry_point` and call it as `Class(base, tuned)`."""
    from sway.backends.interface import Backend

    where, name = "models.ft.entry_point", tuned.entry_point or ""
    module, _, attribute = name.partition(":")
    if os.environ.get(ALLOW_CUSTOM) != "1":
        what = f"the spec asks to run {name!r}, and a spec is not trusted to"
        raise BackendError(what, where=where, mend=f"set {ALLOW_CUSTOM}=1 if you trust this spec")
    if not module or not attribute:
        raise BackendError(f"{name!r} names no class", where=where, mend="write package.module:Class")
    try:
        made: Any = getattr(importlib.import_module(module), attribute)(base, tuned)
    except SwayError:
        raise
    except Exception as error:  # the code is the user's own: whatever it raises is one line for them
        raise BackendError(
            f"{name} failed: {type(error).__name__}: {error}", where=where, mend="fix the class"
        ) from error
    if not isinstance(made, Backend):
        raise BackendError(f"{name} is not a backend", where=where, mend="implement sway.backends.interface.Backend")
    return made
