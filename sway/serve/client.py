"""A client of `sway serve`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from sway.core.errors import SwayError, require
from sway.core.text import printable

if TYPE_CHECKING:
    from sway.suite.spec import LoadedSpec, Spec

DEFAULT_URL = "http://127.0.0.1:8787"
MOST_BYTES = 64 << 20
"""An answer larger than this is no report."""


class ServeError(SwayError):
    """The server gave no report. `status` is its HTTP status, or None where it gave no answer at all."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", status: int | None = None) -> None:
        self.status = status
        super().__init__(what, where=where, mend=mend)


class ServeClient:
    """Has suites run by a server that keeps their models loaded. Safe for threads; close it, or use it with `with`."""

    def __init__(self, url: str | None = None, *, api_key: str | None = None, timeout: float = 3600.0) -> None:
        """`url` defaults to SWAY_SERVE_URL, then to this machine; `api_key` to SWAY_SERVE_KEY.

        `timeout` is how many seconds to wait for a report, for which the server may have to load a model.

        Raises:
            SwayError: the address is none, or httpx is not installed.
        """
        require("serve", "httpx")
        import httpx

        self.url = (url or os.environ.get("SWAY_SERVE_URL") or DEFAULT_URL).rstrip("/")
        parts = _parts(self.url)
        key = api_key or os.environ.get("SWAY_SERVE_KEY") or ""
        if not (key.isascii() and (key.isprintable() or not key)):
            raise SwayError("has characters that no header can hold", where="SWAY_SERVE_KEY", mend="set it again")
        self._timeout = timeout
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout, connect=10.0),
            trust_env=parts not in ("localhost", "127.0.0.1", "::1"),  # a proxy cannot reach this machine
        )

    def run(
        self,
        spec: LoadedSpec | Spec | Mapping[str, Any] | str | Path,
        *,
        spec_path: str | None = None,
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The report on a suite, as `sway run --json` writes it, with `request_seconds`.

        `spec` is a spec, loaded or as plain data, or the path of one. `seed` replaces the spec's.

        Raises:
            ServeError: the server cannot be reached, or gives no report.
            SpecError: the spec at that path has faults.
        """
        return self._post("/run", self._body(spec, spec_path, seed))

    def score(
        self,
        spec: LoadedSpec | Spec | Mapping[str, Any] | str | Path,
        probe_names: Sequence[str],
        *,
        spec_path: str | None = None,
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The report on some probes of a suite; the others are in it as skipped. Raises as `run` does."""
        return self._post("/score", {**self._body(spec, spec_path, seed), "probe_names": list(probe_names)})

    def health(self) -> dict[str, Any]:
        """Whether the server answers, its version, and what is loaded. Raises `ServeError`."""
        return self._answer("GET", "/health", timeout=10.0)

    def stats(self) -> dict[str, Any]:
        """What the server has done since it started. Raises `ServeError`."""
        return self._answer("GET", "/stats", timeout=10.0)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Without the key."""
        return f"ServeClient({self.url!r})"

    def _body(self, spec: Any, spec_path: str | None, seed: int | None) -> dict[str, Any]:
        if isinstance(spec, str | Path):
            from sway.suite.loader import load_spec

            spec = load_spec(spec)
        place = str(spec.path) if hasattr(spec, "path") else None
        inner = getattr(spec, "spec", spec)
        document = inner.document() if hasattr(inner, "document") else dict(inner)
        given = {"spec_path": spec_path or place, "seed": seed}
        return {"spec": document, **{name: value for name, value in given.items() if value is not None}}

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        report = self._answer("POST", path, body, timeout=self._timeout)
        if not isinstance(report.get("probes"), list):
            raise ServeError("is not a server of sway: its answer is no report", where=self.url, mend="check the URL")
        return report

    def _answer(self, method: str, path: str, body: Any = None, *, timeout: float) -> dict[str, Any]:
        import json

        status, content = self._exchange(method, path, body, timeout)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        said = answer.get("error") if isinstance(answer, dict) else None
        what = printable(said) if isinstance(said, str) else "its answer is not a sway server's"
        raise ServeError(f"{what} [HTTP {status}]", where=self.url, mend=_MENDS.get(status, ""), status=status)

    def _exchange(self, method: str, path: str, body: Any, timeout: float) -> tuple[int, bytes]:
        import httpx

        limits = httpx.Timeout(timeout, connect=10.0)
        try:
            with self._http.stream(method, self.url + path, json=body, timeout=limits) as response:
                parts, size = [], 0
                for part in response.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > MOST_BYTES:
                        raise ServeError("its answer is too large for a report", where=self.url, mend="check the URL")
                return response.status_code, b"".join(parts)
        except httpx.TimeoutException as late:
            spent = "10 s" if isinstance(late, httpx.ConnectTimeout) else f"{timeout:g} s"
            raise ServeError(f"no answer within {spent}", where=self.url, mend="wait longer, or see its log") from None
        except httpx.HTTPError as fault:
            mend = "start it with: sway serve; or check the URL"
            raise ServeError(f"cannot be asked: {fault}", where=self.url, mend=mend) from None
        except (TypeError, ValueError) as fault:
            raise ServeError(f"the spec is no JSON: {fault}", where="spec") from None


_MENDS = {401: "set SWAY_SERVE_KEY", 404: "check the URL", 503: "try again later", 504: "raise its --max-seconds"}


def _parts(url: str) -> str:
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if scheme not in ("http", "https") or not host or not url.isprintable():
        raise SwayError(f"{url!r} is no http address", where="serve url", mend=f"write {DEFAULT_URL}")
    return host
