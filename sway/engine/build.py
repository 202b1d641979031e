"""From a loaded spec to the backend that it names."""

from __future__ import annotations

from sway import backends
from sway.backends.interface import Backend
from sway.engine.plan import Options
from sway.suite.spec import LoadedSpec


def build(loaded: LoadedSpec, options: Options) -> Backend:
    """Load the model that a spec names. See `sway.backends.build` for the errors."""
    models, differential = loaded.spec.models, loaded.spec.defaults.differential
    return backends.build(models.base, models.ft, differential=differential, threads=options.threads)
