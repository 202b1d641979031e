"""Runs a composite action as GitHub's runner does: inputs, step outputs, conditions, environments, output commands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.action.expressions import condition, filled

V2 = re.compile(r"^\s*::([\w-]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$")
V1 = re.compile(r"##\[([\w-]+)([^\]]*)\](.*)$")


@dataclass
class Step:
    """How a step went: `outcome` is success, failure or skipped."""

    outcome: str
    code: int = 0
    printed: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass
class Ran:
    """What came of an action."""

    steps: dict[str, Step]
    outputs: dict[str, str]
    summary: str

    @property
    def code(self) -> int:
        """0, or the exit code of the step that failed last."""
        return next((s.code for s in reversed(self.steps.values()) if s.outcome == "failure"), 0)

    @property
    def printed(self) -> str:
        return "".join(step.printed for step in self.steps.values())

    @property
    def commands(self) -> list[tuple[str, str]]:
        return [command for step in self.steps.values() for command in obeyed(step.printed)]


def obeyed(printed: str) -> list[tuple[str, str]]:
    """The commands in a step's output that the runner would carry out, and what they say."""
    found, stopped = [], ""
    for line in re.split(r"\r\n|\r|\n", printed):
        match = V2.match(line) or V1.search(line)
        if match is None:
            continue
        if stopped:
            stopped = "" if match[1] == stopped else stopped
        elif match[1] == "stop-commands":
            stopped = match[3]
        else:
            found.append((match[1], match[3]))
    return found


def outputs_in(text: str) -> dict[str, str]:
    """A GITHUB_OUTPUT file, read as the runner reads it: a later line wins."""
    values, lines = {}, iter(text.splitlines())
    for line in lines:
        long = re.match(r"([^=<]+)<<(.+)", line)
        if long:
            body = []
            for inner in lines:
                if inner == long[2]:
                    break
                body.append(inner)
            values[long[1]] = "\n".join(body)
        elif line:
            name, separator, value = line.partition("=")
            assert separator, f"the runner refuses {line!r}"
            values[name] = value
    return values


def run_action(
    action: Path, inputs: Mapping[str, str], environment: Mapping[str, str], event: Mapping[str, Any], temp: Path
) -> Ran:
    """Run every step of `action`; steps that use other actions are noted and go well."""
    document = yaml.safe_load(action.read_text(encoding="utf-8"))
    temp.mkdir(parents=True, exist_ok=True)
    (temp / "event.json").write_text(json.dumps(event))
    (temp / "summary").touch()
    github = {"token": "TOKEN-OF-THE-JOB", "event": event, "event_name": environment["GITHUB_EVENT_NAME"]}
    context: dict[str, Any] = {"github": github, "steps": {}, "failed": False}
    unknown = set(inputs) - set(document["inputs"])
    assert not unknown, f"the action has no {unknown}"
    context["inputs"] = {
        name: inputs.get(name, filled(told.get("default", ""), context)) for name, told in document["inputs"].items()
    }
    steps = {}
    for i, told in enumerate(document["runs"]["steps"]):
        name = told.get("id", f"step-{i}")
        files = {
            "GITHUB_OUTPUT": str(temp / f"output-{name}"),
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_ACTION_PATH": str(action.parent),
            "RUNNER_TEMP": str(temp),
        }
        steps[name] = _step(told, context, {**environment, **files})
        context["failed"] |= steps[name].outcome == "failure"
        context["steps"][name] = {"outcome": steps[name].outcome, "outputs": steps[name].outputs}
    outputs = {name: filled(told["value"], context) for name, told in document.get("outputs", {}).items()}
    return Ran(steps, outputs, (temp / "summary").read_text())


def _step(told: Mapping[str, Any], context: Mapping[str, Any], environment: Mapping[str, str]) -> Step:
    if not condition(told.get("if"), context):
        return Step("skipped")
    if "uses" in told:
        return Step("success", arguments={k: filled(v, context) for k, v in told["with"].items()})
    own = {name: filled(value, context) for name, value in told.get("env", {}).items()}
    output = Path(environment["GITHUB_OUTPUT"])
    output.touch()
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", told["run"]],
        env={**environment, **own},
        cwd=environment["GITHUB_WORKSPACE"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
    )
    outcome = "failure" if done.returncode else "success"
    return Step(outcome, done.returncode, done.stdout, outputs_in(output.read_text()))
