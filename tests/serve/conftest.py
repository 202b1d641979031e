"""A real server on a free port, run by uvicorn in a thread of this process, and ended in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from sway.serve.app import make_app
from sway.serve.client import ServeClient
from sway.serve.guard import Rules
from sway.serve.policy import Policy
from sway.serve.service import Service
from tests.cli.conftest import call  # noqa: F401  # a fixture

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@contextmanager
def running(service: Service, rules: Rules) -> Iterator[str]:
    """The URL of a server that ends with the block."""
    server = uvicorn.Server(uvicorn.Config(make_app(service, rules), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        service.stop()
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


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
        self.services.append(Service(policy or Policy((self.root,)), **settings))
        url = self.stack.enter_context(running(self.services[-1], Rules(LOOPBACK, key, max_bytes)))
        return self.stack.enter_context(ServeClient(url, api_key=key, timeout=60))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    monkeypatch.delenv("SWAY_SERVE_KEY", raising=False)
    monkeypatch.delenv("SWAY_SERVE_URL", raising=False)
    with ExitStack() as stack:
        yield Start(tmp_path.resolve(), stack)
