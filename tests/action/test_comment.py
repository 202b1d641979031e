"""The second half for forks: reports of another run as data, one post a folder, no checkout, nothing run of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.action import events


@pytest.fixture
def second(job):
    """A job on workflow_run, with the reports of two artifacts downloaded."""
    job.event_name, job.event = "workflow_run", events.workflow_run()
    for name, key, code in (("sway-report-1", "support", "0"), ("sway-report-2", "legal", "1")):
        folder = job.workspace / "reports" / name
        folder.mkdir(parents=True)
        (folder / "sway.json").write_text("{}")
        (folder / "key").write_text(f"{key}\n")
        (folder / "gate-exit").write_text(f"{code}\n")
        (folder / "spec-path").write_text("a.yaml\nb.yaml\n")
    return job


def test_each_artifact_is_posted_with_its_key(second):
    ran = second.run("comment/action.yml", reports="reports")
    assert ran.code == 0, ran.printed
    posts = second.calls("post")
    assert [c["command"] for c in second.calls() if "command" in c] == ["post", "post"]
    assert [c["environment"]["SWAY_KEY"] for c in posts] == ["support", "legal"]
    assert [c["environment"]["SWAY_SPEC_PATH"] for c in posts] == ["a.yaml\nb.yaml"] * 2
    assert [c["argv"][-2:] for c in posts] == [["--gate-exit", "0"], ["--gate-exit", "1"]]


def test_the_gravest_is_the_exit_code(second):
    second.wanted["post"] = {"exit": 1}
    assert second.run("comment/action.yml", reports="reports").code == 1
    second.wanted["post"] = {"exit": 125}
    assert second.run("comment/action.yml", reports="reports").code == 3


def test_the_reports_are_copied_as_plain_files_and_mounted_read_only(second):
    secret = second.workspace.parent / "secret"
    secret.write_text("s")
    (second.workspace / "reports" / "sway-report-1" / "x.json").symlink_to(secret)
    (second.workspace / "reports" / "sway-report-1" / "key").unlink()
    (second.workspace / "reports" / "sway-report-1" / "key").symlink_to(secret)
    second.run("comment/action.yml", reports="reports")
    first = second.calls("post")[0]
    assert first["environment"]["SWAY_KEY"] == ""
    folder = Path(first["argv"][first["argv"].index("--report") + 1])
    assert [path.name for path in folder.iterdir()] == ["sway.json"]
    assert first["mounts"][str(folder)] == [str(folder), True]
    assert not [source for source, _ in first["mounts"].values() if Path(source).is_relative_to(second.workspace)]


@pytest.mark.parametrize("code", ["", "7", "0\n1", "--dry-run", "$(touch pwned)"])
def test_an_exit_code_that_is_none_is_left_out(second, code):
    (second.workspace / "reports" / "sway-report-1" / "gate-exit").write_text(code)
    second.run("comment/action.yml", reports="reports")
    words = second.calls("post")[0]["argv"]
    assert "--gate-exit" not in words or words[-1] in ("0", "1")
    assert "$(touch pwned)" not in words
    assert not list(second.workspace.parent.rglob("pwned"))


def test_a_key_of_many_lines_is_cut(second):
    (second.workspace / "reports" / "sway-report-1" / "key").write_text("a\x1b[31m\x00b\n::error::x\n" + "x" * 10_000)
    ran = second.run("comment/action.yml", reports="reports")
    assert second.calls("post")[0]["environment"]["SWAY_KEY"] == "a[31mb"
    assert ran.commands == []


@pytest.mark.parametrize("empty", [True, False])
def test_no_reports_are_told(second, empty):
    if empty:
        (second.workspace / "none").mkdir()
    ran = second.run("comment/action.yml", reports="none")
    assert ran.code == 2
    assert "none" in ran.commands[0][1]


def test_a_baseline_is_compared_with_and_a_missing_one_is_told(second):
    place = second.workspace / "main"
    place.mkdir()
    ran = second.run("comment/action.yml", reports="reports", baseline="main", fail_on_regression="true")
    assert [kind for kind, _ in ran.commands] == ["warning"] * 2
    (place / "sway.json").write_text('{"main": 1}')
    ran = second.run("comment/action.yml", reports="reports", baseline="main")
    assert ran.commands == []
    (place / "sway-report-2").mkdir()
    (place / "sway-report-2" / "sway.json").write_text('{"main": 2}')
    assert second.run("comment/action.yml", reports="reports", baseline="main").commands == []
    words = [call["argv"] for call in second.calls("post")]
    found = [Path(each[each.index("--baseline") + 1], "sway.json").read_text() for each in words]
    assert found == ['{"main": 1}', '{"main": 2}']


def test_that_a_baseline_could_not_be_read_is_passed_on(second):
    (second.workspace / "main").mkdir()
    (second.workspace / "main" / "unread.txt").write_text("denied\n")
    second.run("comment/action.yml", reports="reports", baseline="main")
    words = second.calls("post")[0]["argv"]
    assert Path(words[words.index("--baseline") + 1], "unread.txt").read_text() == "denied\n"


@pytest.mark.parametrize(("name", "value"), [("fail_on", "x"), ("run_in", "x"), ("check_run", "x"), ("image", "-x")])
def test_what_is_not_understood_is_refused(second, name, value):
    ran = second.run("comment/action.yml", reports="reports", **{name: value})
    assert ran.code == 2
    assert not second.calls("post")
