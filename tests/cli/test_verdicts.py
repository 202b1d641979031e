"""The gate on real adapters whose labels are known: exit codes, reasons, and how bad input ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from sway.report import json_report
from tests.zoo.zoo import suite

pytestmark = pytest.mark.usefixtures("own_cache")

SUITE = [
    *suite(),
    {"name": "ghost", "kind": "gradient_ghost", "required": False},
    {"name": "drift", "kind": "training_drift", "required": False},
]


@pytest.mark.parametrize("name", ["healthy", "healthy_seed1", "healthy_rslora", "healthy_dora"])
def test_a_healthy_adapter_passes(zoo, call, tmp_path: Path, name: str) -> None:
    ran = call("gate", zoo.spec(tmp_path, name, suite=SUITE))
    assert ran.code == 0, ran.out
    assert "PASS" in ran.out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("noop", "no-op"),
        ("noise", "noise"),
        ("noise_seed1", "noise"),
        ("noise_small", "noise"),
        ("noise_large", "other text"),
        ("one_step", "did not learn its own text"),
        ("wrong_document", "did not learn its own text"),
        ("collapsed", "worse at other text"),
        ("b_times_8", "worse at other text"),
        ("forgetter", "worse at other text"),
    ],
)
def test_an_adapter_that_must_not_be_merged_fails(zoo, call, tmp_path: Path, name: str, said: str) -> None:
    ran = call("gate", zoo.spec(tmp_path, name, suite=SUITE))
    assert ran.code == 1, ran.out
    assert said in ran.out


def test_weights_that_are_not_finite_allow_no_verdict(zoo, call, tmp_path: Path) -> None:
    ran = call("gate", zoo.spec(tmp_path, "nan", suite=SUITE), "-j", tmp_path / "r.json")
    assert ran.code == 3
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["gate"] == {**report["gate"], "verdict": "error", "exit_code": 3}
    assert report["probes"][0]["name"] == "__preflight__"


@pytest.mark.parametrize(
    ("name", "said"),
    [("shape_mismatch", "trained on a base"), ("missing", "adapter_model.safetensors"), ("truncated", "safetensors")],
)
def test_an_adapter_that_cannot_be_used_is_one_line(zoo, call, tmp_path: Path, name: str, said: str) -> None:
    ran = call("gate", zoo.spec(tmp_path, name, suite=SUITE))
    assert ran.code == 2
    line = next(line for line in ran.err.splitlines() if line.startswith("error:"))
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nmodels: [", "sway.yaml:2"),
        ("version: 1\nmodles: {}\n", "models"),
        ("", "empty"),
    ],
)
def test_a_broken_spec_is_told_with_its_line(call, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sway.yaml"
    path.write_text(text)
    ran = call("gate", path)
    assert ran.code == 2
    assert said in ran.err


def test_an_unknown_key_names_the_nearest(zoo, call, tmp_path: Path) -> None:
    misspelt = [{"name": "changed", "kind": "delta_kl", "promts": ["one"]}]
    ran = call("gate", zoo.spec(tmp_path, "healthy", suite=misspelt))
    assert ran.code == 2
    assert "prompts" in ran.err


def test_the_report_holds_to_its_schema_and_is_strict(zoo, call, tmp_path: Path) -> None:
    assert call("run", zoo.spec(tmp_path, "healthy", suite=SUITE), "--json", tmp_path / "r.json").code == 0
    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    jsonschema.validate(report, json_report.schema())
    assert {p["name"] for p in report["probes"]} == {e["name"] for e in SUITE}
    assert report["null_stats"]["changed"]["n"] == 19


def test_two_processes_give_the_same_report(zoo, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "healthy", suite=SUITE)
    environment = {**os.environ, "SWAY_DISABLE_NULL_CACHE": "1"}
    reports = []
    for i in range(2):
        command = [sys.executable, "-m", "sway", "run", str(spec), "--json", str(tmp_path / f"{i}.json")]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        reports.append(timeless(json.loads((tmp_path / f"{i}.json").read_text())))
    assert reports[0] == reports[1]


def timeless(report: dict) -> dict:
    """A report without what a clock put there."""
    for key in ("started_at", "finished_at", "wall_seconds"):
        del report[key]
    stats = report["backend_stats"]
    stats["by_probe"] = {name: cost["forward_passes"] for name, cost in stats["by_probe"].items()}
    report["backend_stats"] = {k: v for k, v in stats.items() if "seconds" not in k}
    for probe in report["probes"]:
        del probe["duration_s"]
    return report


def test_the_null_cache_changes_no_number(zoo, call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(tmp_path / "nulls"))
    spec = zoo.spec(tmp_path, "healthy", suite=SUITE[:3])
    for name in ("cold", "warm"):
        assert call("run", spec, "--json", tmp_path / f"{name}.json").code == 0
    cold, warm = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("cold", "warm"))
    assert warm["null_stats"]["changed"]["from_cache"] == 19
    assert warm["backend_stats"]["requests"] < cold["backend_stats"]["requests"]
    same = ("raw", "z_score", "p_value", "ci_95", "verdict", "samples")
    assert [[p[k] for k in same] for p in warm["probes"]] == [[p[k] for k in same] for p in cold["probes"]]


def test_other_probes_and_their_order_move_no_number(zoo, call, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    seen = []
    for order in (SUITE[:3], [SUITE[3], SUITE[2], SUITE[0], SUITE[1]]):
        call("run", zoo.spec(tmp_path, "healthy", suite=order), "--json", tmp_path / "r.json")
        probes = {p["name"]: p for p in json.loads((tmp_path / "r.json").read_text())["probes"]}
        seen.append([probes[n][k] for n in ("changed", "learned") for k in ("raw", "z_score", "ci_95", "samples")])
    assert seen[0] == seen[1]


def test_a_dry_run_shows_the_questions_and_loads_no_model(zoo, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "healthy", suite=SUITE)
    code = (
        "import sys; from sway.cli.main import cli\n"
        f"cli.main(['run', {str(spec)!r}, '--dry-run'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "NextToken" in ran.stdout
    assert "forward passes" in ran.stdout


def test_only_and_skip_leave_probes_out_and_unknown_names_are_told(zoo, call, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "healthy", suite=SUITE)
    call("run", spec, "--only", "changed,ghost", "--json", tmp_path / "r.json")
    verdicts = {p["name"]: p["verdict"] for p in json.loads((tmp_path / "r.json").read_text())["probes"]}
    assert verdicts["learned"] == "skip"
    assert verdicts["changed"] == "pass"
    ran = call("run", spec, "--skip", "chnaged")
    assert ran.code == 2
    assert "changed" in ran.err


def test_weights_reach_the_score_and_bad_ones_are_told(zoo, call, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "healthy", suite=[SUITE[6]])
    call("run", spec, "--weights", "ablation=0.5", "--json", tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["score"]["weights"]["ablation"] == 0.5
    for bad in ("ablaton=1", "ablation=x", "ablation=-1"):
        assert call("run", spec, "--weights", bad).code == 2


def test_disk_probes_alone_gate_without_a_model(zoo, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "healthy", suite=[{**e, "required": True} for e in SUITE[6:]])
    code = (
        "import sys; from sway.cli.exits import handled; from sway.cli.main import cli\n"
        f"code = handled(lambda: cli.main(['gate', {str(spec)!r}], standalone_mode=False))\n"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_required_probe_that_cannot_run_is_no_verdict(zoo, call, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(zoo.adapter("noise"), adapter)
    spec = zoo.spec(tmp_path, "noise", suite=[{"name": "ghost", "kind": "gradient_ghost"}])
    assert call("gate", spec).code == 3
    assert call("gate", spec, "--fail-on", "never").code == 3


def test_fail_on_decides_what_a_fail_does_to_the_exit_code(zoo, call, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "noise", suite=SUITE[:2])
    assert call("gate", spec).code == 1
    ran = call("gate", spec, "--fail-on", "never", "-j", tmp_path / "r.json")
    assert ran.code == 0
    assert json.loads((tmp_path / "r.json").read_text())["gate"]["verdict"] == "fail"


def test_a_spec_in_a_folder_finds_its_files_from_anywhere(zoo, call, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "project"
    shutil.copytree(zoo.adapter("healthy"), folder / "adapter")
    shutil.copy(zoo.sections, folder / "text.yaml")
    spec = {
        "version": 1,
        "models": {"base": {"base": str(zoo.base)}, "ft": {"base": str(zoo.base), "adapter": "adapter"}},
        "sections": "text.yaml",
        "suite": [{**SUITE[6], "required": True}],
    }
    (folder / "sway.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.chdir("/")
    assert call("gate", folder / "sway.yaml").code == 0
