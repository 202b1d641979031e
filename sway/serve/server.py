"""Binds, listens, and ends in order."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

import uvicorn

from sway.core.errors import SwayError
from sway.serve.app import make_app
from sway.serve.guard import Rules
from sway.serve.service import Service

GRACE_SECONDS = 30
"""How long requests that are being answered have to end once the server is told to."""
MOST_CONNECTIONS = 512


@dataclass(frozen=True)
class Address:
    """Where to listen, and what a request must bear. `key` is no part of what this prints as."""

    host: str
    port: int
    key: str | None = field(default=None, repr=False)
    max_bytes: int = 8 << 20


def serve(service: Service, address: Address, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is given the server's URL once it listens.

    Raises:
        SwayError: the address cannot be listened on, or is open to others and no key is set.
        KeyboardInterrupt: after an orderly end by SIGINT.
    """
    listener, loopback = _listen(address)
    with listener:
        host, port = listener.getsockname()[:2]
        names = frozenset({"localhost", "127.0.0.1", "::1", host, address.host.lower()}) if loopback else None
        app = make_app(service, Rules(names, address.key, address.max_bytes))
        config = uvicorn.Config(
            app,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            limit_concurrency=MOST_CONNECTIONS,
            use_colors=False,
        )
        # uvicorn raises the signal again once it has ended; by then an end by SIGTERM is an orderly one.
        signal.signal(signal.SIGTERM, lambda *_: None)
        ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        _Server(config, service).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the suites that run as soon as it is told to end, so that it need not wait for them."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called on SIGINT and SIGTERM."""
        self.service.stop()
        super().handle_exit(sig, frame)


def _listen(address: Address) -> tuple[socket.socket, bool]:
    """A listening socket, and whether only this machine can reach it."""
    where = f"{address.host}:{address.port}"
    if address.key is not None and not (address.key.isascii() and address.key.isprintable() and address.key.strip()):
        raise SwayError("is empty or has characters that no header can hold", where="--api-key", mend="choose another")
    try:
        family, kind, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        loopback = ipaddress.ip_address(place[0]).is_loopback
        if not loopback and address.key is None:
            mend = "set SWAY_SERVE_KEY or give --api-key, or bind to 127.0.0.1"
            raise SwayError("others can reach that address, and no key is set", where=where, mend=mend)
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(MOST_CONNECTIONS)
    except (OSError, OverflowError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise SwayError(
            f"cannot be listened on: {reason}", where=where, mend="choose another --host or --port"
        ) from None
    return listener, loopback
