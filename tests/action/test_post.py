"""The action with the real `sway post` behind it: what its environment and its folders come to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.action import events

pytest.importorskip("sway.cli.post", reason="posting is not part of this tree")
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "github" / "data"


@pytest.fixture
def real(job):
    """A job that belongs to no pull request, so that posting needs no network."""
    job.event_name, job.event = "workflow_dispatch", events.workflow_dispatch()
    job.environment = {"GITHUB_RUN_ID": "42", "GITHUB_SHA": events.HEAD}
    job.wanted["post"] = {"real": {"python": sys.executable, "path": str(ROOT)}}
    return job


def report(name: str) -> str:
    return (DATA / f"{name}.json").read_text()


@pytest.mark.parametrize(
    ("name", "gate", "code", "verdict"),
    [
        ("pass", 0, 0, "pass"),
        ("pass", 1, 1, "fail"),
        ("fail", 0, 1, "fail"),
        ("error", 3, 3, "error"),
    ],
)
def test_the_graver_of_the_process_and_its_report(real, name, gate, code, verdict):
    real.wanted["gate"] = {"exit": gate, "files": {"sway.json": report(name)}}
    ran = real.run(baseline="none")
    assert ran.code == code, ran.printed
    assert ran.outputs["verdict"] == verdict
    if name == "pass":
        assert 0 <= float(ran.outputs["sway-score"]) <= 1
    assert ran.summary


@pytest.mark.parametrize("text", ["", '{"gate": {"verdict": "pass"}}'])
def test_a_report_that_is_none_is_no_verdict(real, text):
    real.wanted["gate"] = {"files": {"sway.json": text}}
    ran = real.run(baseline="none")
    assert (ran.code, ran.outputs["verdict"]) == (3, "error")


@pytest.mark.parametrize(("strict", "code"), [("true", 1), ("false", 0)])
def test_what_is_worse_than_main_closes_the_gate_where_that_is_asked(real, strict, code):
    real.wanted["gate"] = {"files": {"sway.json": report("regression")}}
    real.wanted["last-report"] = {"files": {"sway.json": report("main")}}
    ran = real.run(fail_on_regression=strict)
    assert ran.code == code, ran.printed
    assert "regressed" in ran.summary


def test_a_baseline_that_is_torn_closes_it_too(real):
    place = real.workspace.parent / "elsewhere.json"
    place.write_text("{")
    real.wanted["gate"] = {"files": {"sway.json": report("pass")}}
    ran = real.run(fail_on_regression="true", baseline=str(place))
    assert (ran.code, ran.outputs["verdict"]) == (3, "error")


@pytest.mark.parametrize(
    ("gate_exit", "code", "told"),
    [("0", 0, "did not end in success"), ("1", 1, "exit code is worse"), ("", 3, "did not end in success")],
)
def test_the_second_half_of_a_run_that_failed(real, gate_exit, code, told):
    real.event_name, real.event = "workflow_run", events.workflow_run()
    real.event["workflow_run"]["event"] = "push"
    folder = real.workspace / "reports" / "sway-report-1"
    folder.mkdir(parents=True)
    for name, text in {"sway.json": report("pass"), "key": "leg", "gate-exit": gate_exit}.items():
        (folder / name).write_text(text)
    ran = real.run("comment/action.yml", reports="reports")
    assert ran.code == code, ran.printed
    assert "No pull request" in ran.printed
    assert told in ran.printed
