from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Where trained models are kept, for every process of a run.

    SWAY_TEST_CACHE names a folder that keeps them from run to run.
    """
    named = os.environ.get("SWAY_TEST_CACHE")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = Path(named) if named else shared / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def zoo(kept):
    """Labelled adapters on a small trained base, built once a run; see `tests.zoo.zoo.Zoo`."""
    from tests.zoo.zoo import Zoo

    return Zoo(kept)
