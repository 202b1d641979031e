"""Inputs and events: what is not understood is refused before anything runs, and nothing is declared in vain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.action import events

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "".join(path.read_text() for path in sorted(ROOT.glob("scripts/action*.sh")))
ACTIONS = {name: yaml.safe_load((ROOT / name).read_text()) for name in ("action.yml", "comment/action.yml")}
ELSEWHERE = {"github-token", "hub-token"}
"""Inputs that no setting is made of: two tokens that only their steps have."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fail_on", "Fail"),
        ("fail_on", "fail\nnever"),
        ("comment_on_pr", "yes"),
        ("upload_artifact", "True"),
        ("check_run", "1"),
        ("fail_on_regression", "0.1"),
        ("allow_unpinned", "always"),
        ("unsafe_privileged_event", "on"),
        ("run_in", "docker"),
        ("gpus", "1"),
        ("threshold", "-1"),
        ("threshold", "nan"),
        ("threshold", "1.5"),
        ("memory", "12"),
        ("memory", "12g --privileged"),
        ("sway_version", "latest"),
        ("sway_version", "0.2.0 --privileged"),
        ("image", "--privileged"),
        ("image", "a b"),
        ("key", "a\nb"),
        ("key", "x" * 201),
        ("model_cache", "/tmp\nx"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(job, name, value):
    ran = job.run(**{name: value})
    assert ran.code == 2
    assert not [call for call in job.calls() if "command" in call]
    (command,) = ran.commands
    assert command[0] == "error"
    assert name.replace("_", "-") in command[1]
    assert ran.outputs["verdict"] == "error"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_cache", "/"),
        ("spec_path", ""),
        ("spec_path", "missing.yaml"),
        ("spec_path", "*.yml"),
        ("baseline", "/none"),
    ],
)
def test_what_is_wrong_in_the_checkout_is_posted_too(job, name, value):
    job.wanted["post"] = {"exit": 2, "output": "verdict=error\n"}
    ran = job.run(**{name: value})
    assert ran.code == 2
    ((kind, told),) = ran.commands
    assert (kind, name.replace("_", "-") in told) == ("error", True)
    assert [call["command"] for call in job.calls() if "command" in call] == ["post"]
    assert job.call("post")["argv"][-2:] == ["--gate-exit", "2"]
    assert ran.outputs["verdict"] == "error"
    assert list(ran.steps.values())[-1].outcome == "success"  # kept for the second half


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run"])
def test_an_event_with_rights_gates_nothing_unless_it_is_asked_to(job, event):
    job.event_name = event
    ran = job.run()
    assert ran.code == 2
    assert not [call for call in job.calls() if "command" in call]
    assert "workflow_run" in ran.commands[0][1]
    unsafe = job.run(unsafe_privileged_event="true")
    assert unsafe.code == 0
    assert unsafe.commands[0][0] == "warning"
    assert job.call("post")["environment"]["SWAY_ALLOW_PULL_REQUEST_TARGET"] == "true"


@pytest.mark.parametrize("event", ["issue_comment", "issues", "release", "push\n::error::x", ""])
def test_any_other_event_is_refused_even_so(job, event):
    job.event_name = event
    ran = job.run(unsafe_privileged_event="true")
    assert ran.code == 2
    assert len(ran.commands) == 1
    assert not [call for call in job.calls() if "command" in call]


def test_a_fork_is_gated_as_any_other(job):
    job.event = events.pull_request(head=events.THEIRS)
    assert job.run().code == 0


def settings(action: str) -> dict[str, str]:
    """Environment name: input, of every step of an action."""
    found = {}
    for step in ACTIONS[action]["runs"]["steps"]:
        for name, value in step.get("env", {}).items():
            for asked in re.findall(r"inputs\.([\w-]+)", str(value)):
                found[name] = asked
    return found


@pytest.mark.parametrize("action", ACTIONS)
def test_every_input_is_read_and_everything_read_is_an_input(action):
    declared = set(ACTIONS[action]["inputs"])
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / action).read_text()))
    assert used == declared
    for name in settings(action):
        assert re.search(rf"\b{name}\b", SCRIPTS), f"{name} is set and never read"


def test_every_setting_that_the_scripts_read_is_set_by_a_step():
    told = {name for action in ACTIONS.values() for step in action["runs"]["steps"] for name in step.get("env", {})}
    read = set(re.findall(r"\$\{?(SWAY_\w+)", SCRIPTS))
    assert read - told == set()
    assert {name for name in told if name.startswith("SWAY_")} - read == set()


def test_every_choice_is_checked_by_its_name():
    checked = set(re.findall(r"(?:one_of|matching) ([a-z-]+) ", SCRIPTS))
    free = {"spec-path", "baseline", "key", "model-cache"}
    assert checked | free == (set(ACTIONS["action.yml"]["inputs"]) - {"github-token", "hub-token"})
    assert free | ELSEWHERE | checked == set(ACTIONS["action.yml"]["inputs"])


def test_the_contracts_names_and_defaults():
    inputs, outputs = ACTIONS["action.yml"]["inputs"], ACTIONS["action.yml"]["outputs"]
    assert inputs["spec-path"]["required"] is True
    defaults = {"fail-on": "fail", "comment-on-pr": "true", "upload-artifact": "true", "sway-version": "",
                "threshold": "0", "baseline": "auto", "github-token": "${{ github.token }}"}  # fmt: skip
    assert {name: inputs[name]["default"] for name in defaults} == defaults
    assert {"sway-score", "verdict", "report-path"} <= set(outputs)


@pytest.mark.parametrize("action", ACTIONS)
def test_no_expression_is_pasted_into_a_script(action):
    for step in ACTIONS[action]["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("uses") or step["shell"] == "bash"
