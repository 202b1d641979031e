"""Real servers, and clients of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sway.serve.app import make_app
from sway.serve.client import ServeClient
from sway.serve.guard import Rules
from sway.serve.policy import Policy
from sway.serve.service import Service
from tests.cli.conftest import call  # noqa: F401  # a fixture
from tests.servers import running

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Start:
    """Starts servers, and gives a client of each."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root, self.stack = root, stack
        self.services: list[Service] = []

    def __call__(
        self, *, key: str | None = None, max_bytes: int = 1 << 20, policy: Policy | None = None, **settings: Any
    ) -> ServeClient:
        """A client of a server whose root is the test's own folder."""
        settings = {"max_models": 2, "seconds": 60.0, **settings}
        service = Service(policy or Policy((self.root,)), **settings)
        self.services.append(service)
        url = self.stack.enter_context(running(make_app(service, Rules(LOOPBACK, key, max_bytes)), service.stop))
        return self.stack.enter_context(ServeClient(url, api_key=key, timeout=60))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    monkeypatch.delenv("SWAY_SERVE_KEY", raising=False)
    monkeypatch.delenv("SWAY_SERVE_URL", raising=False)
    with ExitStack() as stack:
        yield Start(tmp_path.resolve(), stack)
