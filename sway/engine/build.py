"""From a loaded spec to the backend that it names."""

from __future__ import annotations

from typing import Any

from sway import backends
from sway.backends.interface import Backend
from sway.backends.shelf import Shelf
from sway.engine.plan import Options
from sway.suite.spec import LoadedSpec


def build(loaded: LoadedSpec, options: Options, shelf: Shelf[Any] | None = None) -> Backend:
    """Load the model that a spec names, or take its base from the shelf. See `sway.backends.build` for the errors."""
    models, differential = loaded.spec.models, loaded.spec.defaults.differential
    return backends.build(
        models.base,
        models.ft,
        differential=differential,
        threads=options.threads,
        shelf=shelf,
        tracer=options.tracer,
        memory=options.memory,
    )
