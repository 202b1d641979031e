"""Where the models of the zoo are kept: SWAY_TEST_CACHE, or the user's cache."""

from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import os
from pathlib import Path

import pytest

from sway.core import folders


@pytest.fixture(scope="session")
def kept() -> Path:
    """Made once: a base takes minutes, an adapter up to two."""
    folder = Path(os.environ.get("SWAY_TEST_CACHE") or folders.user_cache() / "sway-zoo")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
