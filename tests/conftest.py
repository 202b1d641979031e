from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import os
from pathlib import Path

import pytest

os.environ.setdefault("SWAY_DISABLE_BASE_CACHE", "1")  # a test says so where it keeps what a base was asked


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Labelled adapters on a small trained base, built once a run; see `tests.zoo.zoo.Zoo`.

    SWAY_TEST_CACHE names a folder that keeps them from run to run.
    """
    from tests.zoo.zoo import Zoo

    kept = os.environ.get("SWAY_TEST_CACHE")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return Zoo(Path(kept) if kept else shared / "zoo")
