"""What stands before every request: who may ask, from where, how much, and how slowly."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
BODY_SECONDS = 30.0
"""In which the body of a request must have come."""


@dataclass(frozen=True)
class Rules:
    """`hosts`: the names by which the server may be called, None for any. `key`: what requests must bear, or None."""

    hosts: frozenset[str] | None
    key: str | None
    max_bytes: int

    def bears_key(self, headers: dict[str, str]) -> bool:
        """Whether the key is there, or none is needed. Takes the same time whatever is given."""
        if self.key is None:
            return True
        given = headers.get("authorization", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self.key}".encode())


class _Denied(Exception):
    def __init__(self, status: int, error: str, **headers: str) -> None:
        self.status, self.error, self.headers = status, error, headers


class Guard:
    """An ASGI application in front of another; what it lets through has a whole body within bounds."""

    def __init__(self, app: App, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
            body = await asyncio.wait_for(self._body(scope, receive), BODY_SECONDS)
        except _Denied as denied:
            await _refuse(send, denied)
        except TimeoutError:
            await _refuse(send, _Denied(408, f"the request did not come within {BODY_SECONDS:g} seconds"))
        else:
            if body is not None:
                await self.app(scope, _replayed(body, receive), send)

    def _check(self, scope: MutableMapping[str, Any]) -> None:
        headers = _headers(scope)
        host = headers.get("host", "")
        if self.rules.hosts is not None and _name(host) not in self.rules.hosts:
            # A page whose own name leads to 127.0.0.1 would otherwise be of the same origin as this server.
            raise _Denied(421, "this server is not called by that name (use localhost or 127.0.0.1)")
        source = headers.get("origin")
        if source is not None and source.partition("://")[2] != host:
            raise _Denied(403, "pages of other sites may not ask this server")
        if scope["path"] != "/health" and not self.rules.bears_key(headers):
            said = "the key is missing or wrong (send the header Authorization: Bearer KEY)"
            raise _Denied(401, said, **{"www-authenticate": "Bearer"})
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            raise _Denied(415, "the body must be JSON (send the header Content-Type: application/json)")

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes | None:
        """The whole body; None if the client left."""
        most = self.rules.max_bytes
        length = _headers(scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > most:
            raise _too_large(most)
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > most:
                raise _too_large(most)
        return b"".join(parts)


def _too_large(most: int) -> _Denied:
    mend = "leave out what the suite does not need, or start the server with --max-request-mb"
    return _Denied(413, f"the request is larger than {most:,} bytes ({mend})")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body once, then whatever comes, such as that the client left."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """Headers by lower-case name. Of a header that comes twice, all: what follows then fits nothing."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        text, key = value.decode("latin-1"), name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _name(host: str) -> str:
    """The host of a Host header without its port, in lower case.

    >>> _name("LocalHost:8787"), _name("[::1]:8787"), _name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


async def _refuse(send: Send, denied: _Denied) -> None:
    body = json.dumps({"error": denied.error, "problems": [denied.error]}).encode()
    own = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    headers = [(k.encode(), v.encode()) for k, v in {**own, **denied.headers}.items()]
    await send({"type": "http.response.start", "status": denied.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
