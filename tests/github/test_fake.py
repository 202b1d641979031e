"""The stand-in complains of what GitHub would refuse; else the other tests would show nothing."""

import json
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.github.fake import REPO, GitHub, Server


@pytest.fixture
def lax():
    """A stand-in whose complaints are looked at here."""
    hub = GitHub()
    server = Server(hub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


def ask(hub, method, path, body=None, token="secret-token"):
    headers = {"content-type": "application/json", "authorization": f"token {token}"}
    data = None if body is None else json.dumps(body).encode()
    try:
        urlopen(Request(f"{hub.url}/repos/{REPO}/{path}", data, headers, method=method), timeout=5).close()
    except HTTPError as fault:
        fault.close()
    except OSError:
        pass  # after its complaint it need not have an answer
    return hub.wrong


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "issues/7/comments?per_page=101", None),
        ("GET", "issues/seven/comments", None),
        ("GET", "labels", None),
        ("POST", "issues/7/comments", {}),
        ("POST", "issues/7/comments", {"body": 5}),
        ("POST", "issues/7/comments", {"body": "x" * 65_537}),
        ("POST", "check-runs", {"name": "sway"}),
        ("POST", "check-runs", {"name": "sway", "head_sha": "a", "status": "completed"}),
        ("POST", "check-runs", {"name": "s", "head_sha": "a", "status": "completed", "conclusion": "green"}),
        ("POST", "statuses/abc", {"state": "green"}),
        ("POST", "statuses/abc", {"state": "success", "description": "x" * 141}),
    ],
)
def test_what_github_would_refuse_is_complained_of(lax, method, path, body):
    assert ask(lax, method, path, body)


def test_what_it_takes_is_not(lax):
    assert not ask(lax, "POST", "issues/7/comments", {"body": "x"})
    assert not ask(lax, "GET", "issues/7/comments?per_page=100")
    assert ask(lax, "GET", "issues/7/comments", token="another")


def test_an_answer_that_is_not_githubs_is_complained_of(lax):
    lax.comments[7][1] = {"id": "one"}
    assert ask(lax, "GET", "issues/7/comments")
