"""The client against servers that are not there, not sway's, or hostile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sway.core.errors import SwayError
from sway.serve import client as module
from sway.serve.client import ServeClient, ServeError
from tests.serve.fakes import spec
from tests.test_house import ROOT, loaded_by


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """A server that gives the same answer to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "its answer is not a sway server's"),
        (200, b"{}", "its answer is no report"),
        (200, b"[" * 9999, "its answer is not a sway server's"),
        (404, b'{"detail": "Not Found"}', "check the URL"),
        (400, b'{"error": "bad \\u001b[31m\\u202e thing"}', "bad \ufffd[31m\ufffd thing [HTTP 400]"),
        (502, b"", "its answer is not a sway server's [HTTP 502]"),
    ],
)
def test_answers_that_are_no_report_are_one_line(status: int, body: bytes, said: str) -> None:
    with answering(status, body) as url, ServeClient(url) as client, pytest.raises(ServeError) as told:
        client.run(spec())
    assert said in str(told.value)
    assert url in str(told.value)


def test_a_redirection_is_not_followed() -> None:
    elsewhere = {"location": "http://127.0.0.1:9/"}
    with answering(302, b"", **elsewhere) as url, ServeClient(url) as client, pytest.raises(ServeError, match="302"):
        client.run(spec())


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with answering(200, b" " * 5000) as url, ServeClient(url) as client, pytest.raises(ServeError, match="too large"):
        client.run(spec())


@pytest.mark.parametrize("url", ["here", "ftp://host", "http://", "http://host:99999", "http://host\n", "http://[::1"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(SwayError, match="is no http address"):
        ServeClient(url)


def test_address_and_key_come_from_the_environment_and_the_key_stays_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAY_SERVE_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("SWAY_SERVE_KEY", "hunter2")
    with ServeClient() as client:
        assert client.url == "http://127.0.0.1:9"
        with pytest.raises(ServeError, match="sway serve") as told:
            client.health()
        assert "hunter2" not in repr(client) + repr(vars(client)) + str(told.value)
    with pytest.raises(SwayError, match="no header can hold"):
        ServeClient(api_key="a\nb")


def test_the_client_needs_neither_a_server_nor_a_model_library() -> None:
    loaded = loaded_by(
        "from dlm_sway.serve.client import ServeClient\nimport sway.serve.client\n"
        "assert ServeClient is sway.serve.client.ServeClient",
        ROOT,
    )
    assert not loaded & {"torch", "fastapi", "uvicorn", "numpy", "scipy"}
