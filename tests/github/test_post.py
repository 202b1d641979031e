"""`sway post` as a workflow runs it: exit codes, outputs, the summary, and what becomes of faults."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sway.github.comment_mark import marker
from tests.github.conftest import payload
from tests.github.fake import DATA, REPO, SHA, Fault, repository

EXITS = {"pass": 0, "warn": 0, "fail": 1, "error": 3}


def outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "output").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def edited(tmp_path: Path, name: str, change) -> Path:
    """A kept report, changed as somebody might."""
    data = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", EXITS)
def test_a_report_becomes_a_comment_outputs_a_summary_and_the_gates_exit_code(at, post, hub, name):
    folder = at(SWAY_REPORT_PATH="out/report.json")
    code, _ = post("post", "--report", DATA / f"{name}.json", "--gate-exit", EXITS[name])
    assert code == EXITS[name]
    found = outputs(folder)
    assert found["verdict"] == name
    assert found["passed"] == str(name in ("pass", "warn")).lower()
    assert found["report-path"] == "out/report.json"
    assert (found["sway-score"] == "") == (name == "error")
    assert f"sway: {name.upper()}" in hub.bodies()[0]
    assert f"sway: {name.upper()}" in (folder / "summary").read_text(encoding="utf-8")
    assert "The whole report" in (folder / "summary").read_text(encoding="utf-8")


@pytest.mark.parametrize("fail_on", ["fail", "warn", "never"])
@pytest.mark.parametrize("name", EXITS)
def test_fail_on_decides_the_exit_code_and_not_the_verdict(at, post, tmp_path, name, fail_on):
    def never(data):
        data["gate"]["exit_code"] = min(data["gate"]["exit_code"], 0 if name != "error" else 3)

    folder = at(SWAY_FAIL_ON=fail_on, SWAY_COMMENT="false")
    code, _ = post("post", "--report", edited(tmp_path, name, never))
    closed = {"warn": int(fail_on == "warn"), "fail": int(fail_on != "never"), "error": 3, "pass": 0}
    assert code == closed[name]
    assert outputs(folder)["verdict"] == name
    assert outputs(folder)["passed"] == str(name in ("pass", "warn") and code == 0).lower()


@pytest.mark.parametrize("gate", [0, 1, 2, 3, 130, 137])
@pytest.mark.parametrize("name", EXITS)
def test_the_exit_code_is_never_better_than_the_gates_own(at, post, name, gate):
    folder = at(SWAY_COMMENT="false")
    code, _ = post("post", "--report", DATA / f"{name}.json", "--gate-exit", gate)
    own = {0: 0, 1: 1, 2: 2}.get(gate, 3)
    assert code in (own, EXITS[name])
    assert (code == 0) == (own == EXITS[name] == 0)
    assert outputs(folder)["verdict"] in (("pass", "warn") if code == 0 else ("fail", "error"))


def worse(data):
    data["probes"][1]["verdict"] = "fail"


def skipped(data):
    data["probes"][1]["verdict"] = "skip"


def broken(data):
    data["probes"][1]["verdict"] = "error"


def emptied(data):
    data["probes"] = []


def optional(data):
    for probe in data["probes"]:
        probe["required"] = False


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        (worse, 1, "fail"),
        (skipped, 3, "error"),
        (broken, 3, "error"),
        (emptied, 3, "error"),
        (optional, 3, "error"),
    ],
)
def test_a_report_that_claims_to_pass_is_held_to_its_own_probes(at, post, hub, tmp_path, change, code, verdict):
    folder = at()
    assert post("post", "--report", edited(tmp_path, "pass", change), "--gate-exit", "0")[0] == code
    assert outputs(folder)["verdict"] == verdict
    assert "claims a better verdict" in hub.bodies()[0]


def test_a_claim_that_is_worse_than_the_probes_is_believed(at, post, tmp_path):
    def threshold(data):
        data["gate"] = {"verdict": "fail", "exit_code": 1, "reasons": ["score 0.82 is below the threshold 0.9"]}

    at(SWAY_COMMENT="false")
    assert post("post", "--report", edited(tmp_path, "pass", threshold))[0] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 1}', "\x00", "NaN"])
def test_what_is_no_report_is_a_comment_that_says_so_and_no_verdict(at, post, hub, tmp_path, text):
    folder = at(SWAY_FAIL_ON="never")
    path = tmp_path / "r.json"
    path.write_text(text, encoding="utf-8")
    assert post("post", "--report", path, "--gate-exit", "0")[0] == 3
    assert outputs(folder)["verdict"] == "error"
    assert "cannot be used" in hub.bodies()[0]


@pytest.mark.parametrize(("gate", "code"), [(0, 3), (1, 3), (2, 2), (137, 3)])
def test_a_missing_report_is_never_a_pass(at, post, hub, tmp_path, gate, code):
    folder = at(SWAY_FAIL_ON="never")
    (tmp_path / "empty").mkdir()
    assert post("post", "--report", tmp_path / "empty", "--gate-exit", gate)[0] == code
    assert post("post", "--report", tmp_path / "nowhere", "--gate-exit", gate)[0] == code
    assert outputs(folder)["verdict"] == "error"
    assert len(hub.bodies()) == 1


def test_one_missing_report_beside_a_good_one_is_no_verdict(at, post, tmp_path):
    at(SWAY_COMMENT="false")
    assert post("post", "--report", DATA / "pass.json", "--report", tmp_path / "gone.json", "--gate-exit", "0")[0] == 3


def test_a_report_that_is_too_large_is_refused(at, post, tmp_path):
    at(SWAY_COMMENT="false")
    path = tmp_path / "large.json"
    path.write_text(" " * (17 << 20), encoding="utf-8")
    code, said = post("post", "--report", path)
    assert code == 3
    assert "larger than" in said


def test_several_specs_share_a_comment_that_lists_them(at, post, hub, tmp_path):
    folder = at()
    reports = tmp_path / "reports"
    reports.mkdir()
    for name in ("pass", "fail", "warn"):
        shutil.copy(DATA / f"{name}.json", reports)
    assert post("post", "--report", reports, "--gate-exit", "1")[0] == 1
    assert outputs(folder)["verdict"] == "fail"
    assert float(outputs(folder)["sway-score"]) < 0.3
    assert len(hub.bodies()) == 1
    assert hub.bodies()[0].count("<details open>") == 1


@pytest.mark.parametrize("closing", ["true", "false"])
def test_a_regression_shows_first_and_closes_where_it_is_to(at, post, hub, closing):
    folder = at(SWAY_FAIL_ON_REGRESSION=closing)
    code, _ = post("post", "--report", DATA / "regression.json", "--baseline", DATA / "main.json")
    assert code == int(closing == "true")
    assert outputs(folder)["regressed"] == "true"
    body = hub.bodies()[0]
    assert body.index("**regressed**") < body.index("What to do next") < body.index("measured [95% interval]")
    assert "worse than <code>main</code>" in body.splitlines()[2]


@pytest.mark.parametrize("fail_on", ["fail", "never"])
def test_a_regression_closes_whatever_else_does_not(at, post, fail_on):
    at(SWAY_FAIL_ON=fail_on, SWAY_FAIL_ON_REGRESSION="true", SWAY_COMMENT="false")
    assert (
        post("post", "--report", DATA / "regression.json", "--baseline", DATA / "main.json", "--gate-exit", 0)[0] == 1
    )


def test_the_same_adapter_is_no_regression(at, post, hub):
    folder = at(SWAY_FAIL_ON_REGRESSION="true")
    assert post("post", "--report", DATA / "pass.json", "--baseline", DATA / "main.json")[0] == 0
    assert outputs(folder)["regressed"] == "false"
    assert "no difference in" in hub.bodies()[0]


def test_a_warning_that_closes_is_told(at, post, hub):
    at(SWAY_FAIL_ON="warn")
    assert post("post", "--report", DATA / "warn.json", "--gate-exit", "1")[0] == 1
    assert "This closes the gate" in hub.bodies()[0]


def test_without_pygithub_the_verdict_stands(at, post, hub, monkeypatch):
    folder = at()
    monkeypatch.setitem(sys.modules, "github", None)
    monkeypatch.delitem(sys.modules, "sway.github.transport", raising=False)
    code, said = post("post", "--report", DATA / "fail.json", "--gate-exit", "1")
    assert code == 1
    assert "dlm-sway[github]" in said
    assert outputs(folder)["verdict"] == "fail"
    assert not hub.asked


def test_nothing_of_it_needs_what_the_image_leaves_out():
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import sway.github.artifact, sway.github.checks, sway.github.comment, sway.github.pulls\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=DATA.parents[2])


def test_a_spec_that_ends_in_a_line_end_is_the_same_spec(at, post, hub):
    for spec in ("a.yaml\nb.yaml", "a.yaml\n b.yaml\n\n"):
        at(SWAY_SPEC_PATH=spec)
        post("post", "--report", DATA / "pass.json")
    assert len(hub.bodies()) == 1


@pytest.mark.parametrize("named", [["--spec", "sway.yaml"], []])
def test_a_gate_that_left_no_report_takes_the_place_of_what_was_said_before(
    at, post, hub, tmp_path, monkeypatch, named
):
    monkeypatch.chdir(tmp_path)
    report = Path("report.json")
    for run, there in enumerate((True, False, True), 60):
        at(GITHUB_RUN_ID=str(run), SWAY_CHECK="true")
        monkeypatch.delenv("SWAY_SPEC_PATH")
        if there:
            shutil.copy(DATA / "pass.json", report)
        else:
            report.unlink()
        assert post("post", "--report", report, *named)[0] == (0 if there else 3)
        (body,) = hub.bodies()
        assert f"sway: {'PASS' if there else 'ERROR'}" in body
    assert {check["name"] for check in hub.checks.values()} == {"sway"}


@pytest.mark.parametrize("spec", ["sway.yaml", "a.yaml\nb.yaml", ""])
def test_what_the_action_names_is_what_its_comments_are_known_by(at, post, hub, tmp_path, spec):
    at(SWAY_SPEC_PATH=spec)
    for place in ("1", "2"):
        post("post", "--report", tmp_path / place)
    (body,) = hub.bodies()
    assert body.startswith(marker(spec, ""))


def test_two_specs_in_one_step_are_named_as_the_action_names_them(at, post, hub, monkeypatch):
    at(SWAY_SPEC_PATH="other.yaml")
    post("post", "--report", DATA / "pass.json", "--spec", "a.yaml", "--spec", "b.yaml")
    assert hub.bodies()[0].startswith(marker("a.yaml\nb.yaml", ""))


def test_without_a_baseline_the_comment_says_that_no_regression_can_be_seen(at, post, hub, tmp_path):
    folder = at(SWAY_FAIL_ON_REGRESSION="true")
    code, said = post("post", "--report", DATA / "pass.json", "--baseline", tmp_path / "none")
    assert code == 0
    assert outputs(folder)["regressed"] == "unknown"
    assert "a regression cannot be seen" in hub.bodies()[0]
    assert "::warning::There is no earlier report" in said


def test_where_nothing_is_there_yet_a_quiet_line_says_how_it_will_be(at, post, hub, tmp_path):
    at()
    code, said = post("post", "--report", DATA / "pass.json", "--baseline", tmp_path / "none")
    body = hub.bodies()[0]
    assert code == 0
    assert "⚠️" not in body
    assert body.index("on pushes to it") > body.index("measured [95% interval]")
    assert "::warning::" not in said


@pytest.mark.parametrize(("closing", "code"), [("true", 3), ("false", 0)])
def test_a_torn_baseline_is_no_verdict_where_a_regression_would_close(at, post, hub, tmp_path, closing, code):
    at(SWAY_FAIL_ON_REGRESSION=closing)
    torn = tmp_path / "pass.json"
    torn.write_text("{", encoding="utf-8")
    assert post("post", "--report", DATA / "pass.json", "--baseline", tmp_path)[0] == code
    assert "cannot be read, so that a regression cannot be seen" in hub.bodies()[0]


def test_a_baseline_with_nothing_in_common_closes_too(at, post, tmp_path):
    def renamed(data):
        for probe in data["probes"]:
            probe["name"] += " of old"
            probe["kind"] = "external_perplexity" if probe["kind"] == "leakage" else "leakage"

    at(SWAY_FAIL_ON_REGRESSION="true", SWAY_COMMENT="false")
    other = edited(tmp_path, "main", renamed)
    assert post("post", "--report", DATA / "pass.json", "--baseline", other)[0] == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "Resource not accessible by integration"), (404, "Not Found"), (401, "Bad credentials")],
)
@pytest.mark.parametrize("name", ["pass", "fail"])
def test_a_missing_permission_is_a_warning_and_changes_no_verdict(at, post, hub, status, message, name):
    folder = at()
    hub.faults.append(Fault("POST", "/issues/7/comments", status, {"message": message}, times=9))
    code, said = post("post", "--report", DATA / f"{name}.json")
    assert code == EXITS[name]
    assert "::warning::No comment" in said
    assert "pull-requests: write" in said
    assert "sway:" in (folder / "summary").read_text(encoding="utf-8")
    assert not hub.bodies()


def test_no_token_is_a_warning(at, post):
    at(GITHUB_TOKEN="")
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 0
    assert "GITHUB_TOKEN" in said


@pytest.mark.parametrize("kind", ["push", "workflow_dispatch", "schedule", "merge_group"])
def test_without_a_pull_request_there_is_a_summary_and_no_comment(at, post, hub, kind):
    folder = at(kind)
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    assert (folder / "summary").exists()
    assert not hub.count("POST", "/comments")


def test_pull_request_target_is_refused_unless_it_is_asked_for(at, post, hub):
    at("pull_request_target")
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 2
    assert "workflow_run" in said
    at("pull_request_target", SWAY_ALLOW_PULL_REQUEST_TARGET="true")
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    assert len(hub.bodies()) == 1


def fork_pull(number: int = 7, **head: object) -> dict:
    side = {"sha": SHA, "ref": "topic", "label": "mallory:topic", "repo": repository(99, "mallory/models"), **head}
    base = {"ref": "main", "sha": "b" * 40, "repo": repository()}
    url = f"https://api.github.com/repos/{REPO}/pulls/{number}"
    return {"number": number, "state": "open", "head": side, "base": base, "url": url}


def test_a_forks_comment_finds_its_pull_request_and_says_whose_word_it_is(at, post, hub):
    hub.pulls = [fork_pull(8, sha="c" * 40), fork_pull(9, repo=repository(98, "mallory/other")), fork_pull(7)]
    at("workflow_run")
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    assert len(hub.bodies()) == 1
    assert "its author decides what that job runs" in hub.bodies()[0]


@pytest.mark.parametrize(
    "pulls",
    [
        [],
        [fork_pull(sha="c" * 40)],
        [{**fork_pull(), "state": "closed"}],
        [fork_pull(7), fork_pull(8)],
        [fork_pull(repo=None)],
        [{**fork_pull(), "base": {"ref": "main", "sha": "b" * 40, "repo": repository(5, "else/where")}}],
    ],
)
def test_a_run_whose_pull_request_cannot_be_told_comments_nowhere(at, post, hub, pulls):
    hub.pulls, hub.undescribed = pulls, any(found["head"]["repo"] is None for found in pulls)
    at("workflow_run")
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 0
    assert "::warning::No comment" in said
    assert not any(hub.comments.values())


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", None])
def test_a_run_that_did_not_succeed_is_not_taken_for_a_pass(at, post, hub, conclusion):
    hub.pulls = [fork_pull()]
    folder = at("workflow_run", payload("workflow_run", conclusion=conclusion))
    assert post("post", "--report", DATA / "pass.json")[0] == 3
    assert outputs(folder)["verdict"] == "error"
    assert post("post", "--report", DATA / "fail.json")[0] == 1


def test_another_leg_that_failed_is_told_and_does_not_spoil_this_one(at, post, hub):
    hub.pulls = [fork_pull()]
    folder = at("workflow_run", payload("workflow_run", conclusion="failure"))
    assert post("post", "--report", DATA / "pass.json", "--gate-exit", "0")[0] == 0
    assert outputs(folder)["verdict"] == "pass"
    assert "did not end in success" in hub.bodies()[0]
    assert post("post", "--report", DATA / "pass.json", "--gate-exit", "1")[0] == 1


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting"])
def test_a_run_that_has_not_ended_is_refused(at, post, status):
    at("workflow_run", payload("workflow_run", status=status))
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 2
    assert "has not ended" in said


def test_the_event_of_another_repository_is_refused(at, post):
    at("workflow_run", GITHUB_REPOSITORY="acme/other")
    assert post("post", "--report", DATA / "pass.json")[0] == 2


def test_on_a_server_of_ones_own_everything_is_below_its_api(at, post, hub):
    at(GITHUB_API_URL=f"{hub.url}/api/v3", GITHUB_GRAPHQL_URL=f"{hub.url}/api/graphql")
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    assert len(hub.bodies()) == 1
    assert {path.split("/")[1] for _, path in hub.asked} == {"api"}


def test_a_check_has_a_note_at_the_line_of_each_probe_that_needs_a_look(at, post, hub):
    at(SWAY_CHECK="true")
    assert post("post", "--report", DATA / "fail.json")[0] == 1
    assert post("post", "--report", DATA / "fail.json")[0] == 1
    (check,) = hub.checks.values()
    assert (check["conclusion"], check["head_sha"], check["name"]) == ("failure", SHA, "sway")
    probes = {p["name"]: p for p in json.loads((DATA / "fail.json").read_text())["probes"]}
    failed = {name: p["line"] for name, p in probes.items() if p["verdict"] == "fail"}
    assert {note["title"].split()[-1]: note["start_line"] for note in check["annotations"]} == failed
    assert {note["path"] for note in check["annotations"]} == {"sway.yaml"}


def test_more_notes_than_fit_in_a_request_go_in_several(at, post, hub, tmp_path):
    def many(data):
        probe = next(p for p in data["probes"] if p["verdict"] == "fail")
        data["probes"] = [{**probe, "name": f"probe {i}", "evidence": {}} for i in range(120)]

    at(SWAY_CHECK="true", SWAY_COMMENT="false")
    assert post("post", "--report", edited(tmp_path, "fail", many))[0] == 1
    (check,) = hub.checks.values()
    assert len(check["annotations"]) == 120
    assert hub.count("PATCH", "/check-runs/") == 2


@pytest.mark.parametrize("name", EXITS)
def test_where_a_check_is_not_allowed_a_status_is_set(at, post, hub, name):
    at(SWAY_CHECK="true", SWAY_COMMENT="false", SWAY_KEY="small")
    hub.faults.append(Fault("POST", "/check-runs", 403, {"message": "Resource not accessible"}, times=9))
    assert post("post", "--report", DATA / f"{name}.json")[0] == EXITS[name]
    (status,) = hub.statuses
    assert status["state"] == {0: "success", 1: "failure", 3: "error"}[EXITS[name]]
    assert status["context"] == "sway (small)"


@pytest.mark.parametrize(("event", "foreign"), [("pull_request", False), ("workflow_run", True)])
def test_a_checks_title_says_whose_word_it_is(at, post, hub, event, foreign):
    at(event, SWAY_CHECK="true", SWAY_COMMENT="false")
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    (check,) = hub.checks.values()
    assert ("the pull request controls" in check["output"]["title"]) == foreign


LONG = "adapters/" + "a" * 60


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("specs", [("a/sway.yaml", "b/sway.yaml"), (f"{LONG}/1.yaml", f"{LONG}/2.yaml")])
def test_each_spec_stands_under_a_name_of_its_own_beside_the_commit(at, post, hub, specs, allowed):
    if not allowed:
        hub.faults.append(Fault("POST", "/check-runs", 403, {"message": "Resource not accessible"}, times=99))
    for spec, name in zip(specs, ("fail", "pass"), strict=True):
        at(SWAY_CHECK="true", SWAY_COMMENT="false", SWAY_SPEC_PATH=spec)
        post("post", "--report", DATA / f"{name}.json")
    told = list(hub.checks.values()) if allowed else hub.statuses
    names = [each["name" if allowed else "context"] for each in told]
    assert len(set(names)) == 2
    for each, spec, name in zip(told, specs, names, strict=True):
        assert name.startswith(f"sway ({spec[:40]}")
        assert name[6:-1] in (each["output"]["title"] if allowed else each["description"])


@pytest.mark.parametrize(
    ("spec", "key", "name"),
    [
        ("sway.yaml", "", "sway"),
        ("./sway.yaml\n", "", "sway"),
        ("a.yaml\nb.yaml", "", "sway (a.yaml, b.yaml)"),
        ("a/sway.yaml", "small", "sway (small)"),
    ],
)
def test_a_check_is_named_after_its_key_else_after_any_spec_but_the_usual(at, post, hub, spec, key, name):
    at(SWAY_CHECK="true", SWAY_COMMENT="false", SWAY_SPEC_PATH=spec, SWAY_KEY=key)
    post("post", "--report", DATA / "pass.json")
    assert [check["name"] for check in hub.checks.values()] == [name]


@pytest.mark.parametrize("order", [("fail", "pass"), ("pass", "fail")])
def test_two_jobs_of_a_run_under_one_key_leave_the_graver_word(at, post, hub, order):
    at(SWAY_CHECK="true", SWAY_SPEC_PATH="sway.yaml")
    said = [post("post", "--report", DATA / f"{name}.json")[1] for name in order]
    (check,) = hub.checks.values()
    assert check["conclusion"] == "failure"
    (body,) = hub.bodies()
    assert "sway: FAIL" in body
    assert ("give each a key" in said[1]) == (order[1] == "pass")


def test_a_check_that_failed_after_its_effect_is_not_made_twice(at, post, hub):
    at(SWAY_CHECK="true", SWAY_COMMENT="false")
    hub.faults.append(Fault("POST", "/check-runs", after=True))
    assert post("post", "--report", DATA / "pass.json")[0] == 0
    assert len(hub.checks) == 1


def test_a_dry_run_says_what_it_would_do_without_token_or_network(at, post, hub):
    folder = at(GITHUB_TOKEN="", SWAY_CHECK="true")
    code, said = post("post", "--report", DATA / "fail.json", "--dry-run")
    assert code == 1
    assert re.search(r"^POST \S+/repos/acme/models/issues/7/comments$", said, re.MULTILINE)
    assert "<!-- sway-gate " in said
    assert not hub.asked
    assert not (folder / "output").exists()


def test_outside_of_github_it_prints_and_exits(post, monkeypatch):
    for name in ("GITHUB_EVENT_NAME", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    assert post("post", "--report", DATA / "fail.json")[0] == 1


def test_a_summary_keeps_below_what_the_runner_drops(at, post):
    folder = at(SWAY_COMMENT="false")
    (folder / "summary").write_text("x" * ((1 << 20) - 20_000), encoding="utf-8")
    assert post("post", "--report", DATA / "fail.json")[0] == 1
    text = (folder / "summary").read_text(encoding="utf-8")
    assert "sway: FAIL" in text
    assert len(text.encode()) <= 1 << 20
    (folder / "summary").write_text("x" * ((1 << 20) - 10), encoding="utf-8")
    code, said = post("post", "--report", DATA / "fail.json")
    assert code == 1
    assert "no room left" in said
    assert (folder / "summary").stat().st_size <= 1 << 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SWAY_FAIL_ON", "sometimes"),
        ("SWAY_COMMENT", "yes"),
        ("SWAY_CHECK", "1"),
        ("SWAY_FAIL_ON_REGRESSION", "TRUE"),
        ("GITHUB_REPOSITORY", "acme/models/../x"),
        ("GITHUB_SHA", "main"),
        ("GITHUB_RUN_ID", "1; echo"),
        ("GITHUB_EVENT_NAME", "issue_comment"),
        ("GITHUB_API_URL", "http://example.org"),
        ("GITHUB_API_URL", "https://[::1"),
        ("GITHUB_API_URL", "https://example.org/?x=1"),
        ("GITHUB_GRAPHQL_URL", "https://elsewhere.org/graphql"),
    ],
)
def test_a_setting_that_is_none_of_githubs_is_one_line(at, post, hub, name, value):
    at(**{name: value})
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 2
    assert name in said
    assert not hub.asked


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"pull_request": 7}', '{"pull_request": {"number": "7; rm"}}', "\udcff"]
)
def test_an_event_that_is_none_is_one_line(at, post, text):
    folder = at()
    (folder / "event.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    code, said = post("post", "--report", DATA / "pass.json")
    assert code == 2
    assert "GITHUB_EVENT_PATH" in said


def test_the_token_is_not_shown_with_the_settings(settings):
    assert "secret-token" not in repr(settings)


def test_what_the_gate_left_to_lead_elsewhere_is_not_followed(at, post, hub, tmp_path):
    at()
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "link.json").symlink_to(DATA / "pass.json")
    assert post("post", "--report", reports, "--gate-exit", "0")[0] == 3
    assert "is a link" in hub.bodies()[0]
    (reports / "link.json").unlink()
    os.mkfifo(reports / "pipe.json")
    assert post("post", "--report", reports, "--gate-exit", "0")[0] == 3
    assert "not a plain file" in hub.bodies()[0]


def test_a_failure_that_is_let_through_is_told(at, post, hub, tmp_path):
    at(SWAY_FAIL_ON="never", SWAY_KEY="small")
    report = edited(tmp_path, "fail", lambda data: data["gate"].update(exit_code=0))
    assert post("post", "--report", report, "--gate-exit", "0")[0] == 0
    assert "sway: FAIL (<code>small</code>)" in hub.bodies()[0]
    assert "does not close the gate" in hub.bodies()[0]


def test_many_reports_are_refused_before_any_is_read(at, post, tmp_path):
    at()
    reports = tmp_path / "reports"
    reports.mkdir()
    for i in range(101):
        (reports / f"{i}.json").touch()
    assert post("post", "--report", reports)[0] == 2
