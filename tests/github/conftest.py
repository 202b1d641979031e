import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("github")
pytest.importorskip("openapi_core")

from sway.cli import main as command_line
from sway.cli.exits import handled
from sway.github.settings import Settings
from sway.github.transport import Client, Patience
from tests.github.fake import BASE, REPO, SHA, GitHub, Server, repository

QUICK = Patience(answer=5, longest=0.05, step=0.002, total=20)


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """A GitHub that answers on this machine; at the end nothing that it was asked, or answered, was wrong."""
    state = GitHub()
    server = Server(state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    assert not state.wrong


@pytest.fixture
def settings(hub: GitHub) -> Settings:
    where = {"api": hub.url, "graphql": f"{hub.url}/graphql", "server": "https://github.com"}
    return Settings(REPO, SHA, 55, 1, "pull_request", token="secret-token", **where)


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(settings, QUICK)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands wait as little as `client` does."""
    monkeypatch.setattr("sway.github.transport.Patience", lambda: QUICK)


def payload(kind: str, **changes: Any) -> dict[str, Any]:
    """What GitHub sends with an event, as far as it is read."""
    home = repository()
    side = {"sha": SHA, "ref": "topic", "repo": home}
    pull = {"number": 7, "head": side, "base": {"sha": BASE, "ref": "main", "repo": home}}
    fork = repository(99, "mallory/models")
    run = {"id": 33, "run_attempt": 1, "event": "pull_request", "status": "completed", "conclusion": "success"}
    run |= {"head_branch": "topic", "head_sha": SHA, "head_repository": fork, "pull_requests": []}
    events = {
        "pull_request": {"pull_request": pull},
        "pull_request_target": {"pull_request": pull},
        "workflow_run": {"workflow_run": {**run, **changes}},
        "merge_group": {"merge_group": {"head_sha": SHA, "base_ref": "refs/heads/main"}},
    }
    return {"repository": home, **events.get(kind, {})}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: GitHub, patience: None) -> Callable[..., Path]:
    """Be in a workflow that an event has set off; gives the folder of its output and summary."""

    def at(kind: str = "pull_request", event: Any = None, **environment: str) -> Path:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(payload(kind) if event is None else event), encoding="utf-8")
        known = {
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_SHA": SHA,
            "GITHUB_RUN_ID": "55",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_EVENT_NAME": kind,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REF_NAME": "main",
            "GITHUB_API_URL": hub.url,
            "GITHUB_GRAPHQL_URL": f"{hub.url}/graphql",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_TOKEN": "secret-token",
            "SWAY_SPEC_PATH": "sway.yaml",
        }
        for name, value in {**known, **environment}.items():
            monkeypatch.setenv(name, value)
        return tmp_path

    return at


@pytest.fixture
def post(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command as it is installed; its exit code and all that it printed."""

    def post(*args: object) -> tuple[int, str]:
        capfd.readouterr()
        words = [str(a) for a in args]
        code = handled(lambda: command_line.cli.main(words, prog_name="sway", standalone_mode=False))
        said = capfd.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "secret-token" not in said.out + said.err
        return code, said.out + said.err

    return post


def named(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, **changes)
