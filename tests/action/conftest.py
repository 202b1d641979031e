from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.action import events
from tests.action.composite import Ran, run_action

ROOT = Path(__file__).resolve().parents[2]
STUB = Path(__file__).with_name("stub.py").read_text(encoding="utf-8")


class Job:
    """A checked out repository, a runner's folders and a stand-in for docker, in which an action is run."""

    def __init__(self, folder: Path, system: str) -> None:
        self.system = system
        self.workspace, self.temp, self.bin = folder / "work space", folder / "temp", folder / "bin"
        self.workspace.mkdir()
        self.bin.mkdir()
        self.tools("docker")
        (self.workspace / "sway.yaml").write_text("version: 1\n")
        self.wanted: dict[str, dict[str, Any]] = {
            "gate": {"files": {"sway.json": "{}"}},
            "post": {"output": "verdict=pass\nsway-score=0.83\n"},
            "last-report": {"files": {"sway.json": "{}"}},
        }
        self.event_name, self.event = "pull_request", events.pull_request()
        self.environment: dict[str, str] = {}

    def tools(self, *names: str) -> None:
        """Have these, and nothing but the system's own, on the PATH."""
        for old in self.bin.glob("*"):
            old.unlink()
        for name in names:
            tool = self.bin / name
            tool.write_text(f"#!{sys.executable} -IS\n{STUB}")
            tool.chmod(0o755)

    def run(self, action: str = "action.yml", /, **inputs: str) -> Ran:
        """Run the action; an input `fail_on` is `fail-on`."""
        (self.bin / "wanted.json").write_text(json.dumps(self.wanted))
        (self.bin / "calls.jsonl").write_text("")
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        if action == "action.yml":
            given = {"spec-path": "sway.yaml", **given}
        environment = {
            "PATH": f"{self.bin}:{self.system}",
            "HOME": "/home/runner",
            "RUNNER_OS": "Linux",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_REPOSITORY": events.OURS,
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_API_URL": "https://api.github.com",
            "GITHUB_TOKEN": "TOKEN-OF-SOME-OTHER-STEP",
            **self.environment,
        }
        return run_action(ROOT / action, given, environment, self.event, self.temp)

    def calls(self, command: str = "") -> list[dict[str, Any]]:
        """How the stand-ins were called."""
        noted = [json.loads(line) for line in (self.bin / "calls.jsonl").read_text().splitlines()]
        return [call for call in noted if not command or call.get("command") == command]

    def call(self, command: str) -> dict[str, Any]:
        (only,) = self.calls(command)
        return only


@pytest.fixture(scope="session")
def system(tmp_path_factory) -> str:
    """A folder with what an Ubuntu runner has and the action needs, and no docker."""
    folder = tmp_path_factory.mktemp("system")
    needed = """awk bash basename cat chmod cp cut dirname env find git grep head id mkdir mktemp mv od realpath rm
        sha256sum sort stat tr wc"""
    for name in needed.split():
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return str(folder)


@pytest.fixture
def job(tmp_path: Path, system: str) -> Job:
    return Job(tmp_path, system)


def option(call: Mapping[str, Any], name: str) -> list[str]:
    """The values of an option of a container's start."""
    return [value for key, value in call["options"] if key == name]
