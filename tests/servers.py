"""Runs a real HTTP server in a thread of this process, on a free port, and ends it in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def running(app: Any, before_end: Callable[[], object] = lambda: None) -> Iterator[str]:
    """The URL of a server of an ASGI application; the server ends with the block, after `before_end`."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        before_end()
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
