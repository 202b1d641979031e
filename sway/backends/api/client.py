"""Asks a completions server: with a key, within time, again where it is busy; never more than it should be trusted."""

from __future__ import annotations

import os
import random
from typing import Any
from urllib.parse import urlsplit

import httpx
import tenacity
from pydantic import SecretStr, ValidationError

from sway.backends.api.wire import Completion, Refusal
from sway.core.errors import BackendError, RequestError
from sway.core.text import printable

ATTEMPTS = 6
PATIENCE = 120.0
"""The longest, in seconds, that a server may ask to be left alone before a question is given up."""
TIMEOUT = 120.0
MOST_BYTES = 32 << 20
KEYS = ("SWAY_API_KEY", "OPENAI_API_KEY")
LOCAL = ("localhost", "127.0.0.1", "::1")


class Rejected(RequestError):
    """The server does not take such a question."""


class _Busy(Exception):
    """Worth asking again, after `seconds` if the server said so."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        self.why, self.seconds = why, seconds
        super().__init__(why)


class Server:
    """One server. Safe for threads."""

    def __init__(self, endpoint: str, *, timeout: float = TIMEOUT) -> None:
        """`endpoint` is the server's address, with or without the `/v1` at its end."""
        parts = urlsplit(endpoint)
        if parts.username or parts.password:
            raise BackendError("has a name or password in it", where="endpoint", mend=f"leave it out and set {KEYS[0]}")
        self._met = False
        self.url = endpoint.rstrip("/").removesuffix("/v1") + "/v1"
        key = _key(parts.scheme, parts.hostname or "")
        self._key = SecretStr(key)
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=10.0),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            trust_env=parts.hostname not in LOCAL,
        )

    def __repr__(self) -> str:
        """Without the key."""
        return f"Server({self.url!r})"

    def complete(self, **fields: Any) -> Completion:
        """The answer to `POST /completions`. Raises as `ask` does."""
        return self.ask("/completions", fields)

    def ask(self, path: str, fields: dict[str, Any]) -> Completion:
        """The answer to a question, asked again where the server is busy or cannot be reached.

        Raises:
            Rejected: the server does not take it.
            RequestError: it gave no answer, or one that is none.
            BackendError: it does not know the key, the model or the path; nothing will be answered.
        """
        patient = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Busy),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_pause,
            reraise=True,
        )
        try:
            return patient(self._once, path, fields)
        except _Busy as busy:
            raise RequestError(f"the server gave no answer in {ATTEMPTS} attempts: {busy.why}") from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _once(self, path: str, fields: dict[str, Any]) -> Completion:
        try:
            with self._http.stream("POST", self.url + path, json=fields) as response:
                body = _bounded(response)
                self._met = True
        except httpx.HTTPError as fault:
            if isinstance(fault, httpx.ConnectError | httpx.UnsupportedProtocol) and not self._met:
                mend = "start the server, or check endpoint in the spec"
                raise BackendError(f"cannot be reached: {fault}", where=self.url, mend=mend) from None
            raise _Busy(f"{type(fault).__name__} {printable(str(fault), 200)}".strip()) from None
        if response.status_code == 200:
            try:
                return Completion.model_validate_json(body)
            except ValidationError as fault:
                first = fault.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, first["loc"]))
                raise RequestError(f"the server's answer is none: {place}: {first['msg']}") from None
        raise self._refusal(response, body, str(fields.get("model")))

    def _refusal(self, response: httpx.Response, body: bytes, model: str) -> Exception:
        status, said = response.status_code, self._said(body)
        if status in (408, 409, 425, 429) or status >= 500:
            after = _seconds(response.headers.get("retry-after"))
            if after is not None and after > PATIENCE:
                return RequestError(f"the server asks to be left alone for {after:g} s")
            return _Busy(f"HTTP {status} {said}".strip(), after)
        if status in (401, 403):
            what = (
                f"does not know the key (HTTP {status} {said})" if self._key else f"needs a key (HTTP {status} {said})"
            )
            return BackendError(what, where=self.url, mend=f"set {KEYS[0]}")
        if status == 404:
            what = f"does not know the model {model!r}, or the path (HTTP 404 {said})"
            return BackendError(what, where=self.url, mend="check models and endpoint in the spec")
        if 300 <= status < 400:
            return BackendError(f"leads elsewhere (HTTP {status})", where=self.url, mend="give the address it leads to")
        return Rejected(f"the server refuses the question: HTTP {status} {said}".strip())

    def _said(self, body: bytes) -> str:
        """What the server says is wrong, in short, and never the key, which some quote."""
        try:
            text = Refusal.model_validate_json(body).said
        except ValidationError:
            text = ""
        return printable(text.replace(self._key.get_secret_value(), "[key]") if self._key else text, 200)


def _key(scheme: str, host: str) -> str:
    """The key to send. One that was made for OpenAI goes nowhere in the clear."""
    own, openai = (os.environ.get(name, "").strip() for name in KEYS)
    key = own or (openai if scheme == "https" or host in LOCAL else "")
    if not (key.isascii() and (key.isprintable() or not key)):
        raise BackendError("has characters that no header can hold", where=KEYS[0 if own else 1], mend="set it again")
    return key


def _bounded(response: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise RequestError(f"the server's answer is larger than {MOST_BYTES:,} bytes")
    return b"".join(parts)


def _seconds(after: str | None) -> float | None:
    """Seconds of a Retry-After header; a date in it is not read."""
    try:
        return max(0.0, float(after)) if after else None
    except ValueError:
        return None


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds before the next attempt: what the server asks for, else twice as long each time, spread at random."""
    fault = state.outcome.exception() if state.outcome else None
    if isinstance(fault, _Busy) and fault.seconds is not None:
        return fault.seconds
    return random.uniform(0.5, 1.0) * min(20.0, 0.25 * 2.0**state.attempt_number)
