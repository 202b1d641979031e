"""compare, diff, gate --baseline and several specs, as a user calls them, on real adapters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from sway.backends.hf import backend as hf
from sway.core import folders
from sway.demo.variants import rewritten
from tests.zoo.zoo import suite

pytestmark = pytest.mark.usefixtures("own_cache")
SHORT = suite()[:3]


@pytest.fixture(autouse=True)
def own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, in which an interrupted run leaves its answers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = folders.kept_answers()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def half(zoo, tmp_path_factory) -> Path:
    """The healthy adapter at half its strength: a planted regression."""

    def weaker(weights):
        return {n: w * np.float32(0.5) if ".lora_B." in n else w for n, w in weights.items()}

    return rewritten(zoo.adapter("healthy"), tmp_path_factory.mktemp("half"), weaker)


@pytest.fixture
def spec_of(zoo, tmp_path: Path):
    """Write a spec for an adapter's folder."""

    def spec_of(adapter: Path, name: str, entries=SHORT) -> Path:
        models = {"base": {"base": str(zoo.base)}, "ft": {"base": str(zoo.base), "adapter": str(adapter)}}
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"version": 1, "models": models, "sections": str(zoo.sections), "suite": entries}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return spec_of


def test_a_planted_regression_is_found_and_equal_adapters_show_none(zoo, call, half, spec_of, tmp_path) -> None:
    spec = spec_of(zoo.adapter("healthy"), "main.yaml")
    main = tmp_path / "main.json"
    assert call("gate", spec, "--json", main).code == 0
    weaker = spec_of(half, "weaker.yaml")
    ran = call("run", weaker, "--json", tmp_path / "weaker.json", "--baseline", main)
    assert ran.code == 0
    assert "Worse: changed and learned regressed." in ran.out
    ran = call("compare", main, tmp_path / "weaker.json", "--fail-on-regression")
    assert ran.code == 1
    assert "learned: regressed by 0.5" in ran.out
    assert call("compare", main, tmp_path / "weaker.json").code == 0
    ran = call("compare", tmp_path / "weaker.json", main, "--fail-on-regression")
    assert ran.code == 0
    assert "improved" in ran.out
    again = call("gate", spec, "--baseline", main, "--fail-on-regression")
    assert again.code == 0
    assert "No difference was found." in again.out
    assert "both runs judged the same adapter" in again.out


def test_a_regression_closes_the_gate_and_its_report_says_so(zoo, call, half, spec_of, tmp_path) -> None:
    entries = [{**e, "assert_mean_gte": 0.001} if e["kind"] == "delta_kl" else e for e in SHORT]
    main = tmp_path / "main.json"
    call("run", spec_of(zoo.adapter("healthy"), "main.yaml", entries), "--json", main)
    weaker = spec_of(half, "weaker.yaml", entries)
    assert call("gate", weaker, "--baseline", main).code == 0
    ran = call("gate", weaker, "--baseline", main, "--fail-on-regression", "--json", tmp_path / "r.json")
    assert ran.code == 1
    gate = json.loads((tmp_path / "r.json").read_text())["gate"]
    assert (gate["verdict"], gate["exit_code"]) == ("fail", 1)
    assert "learned regressed against the baseline" in gate["reasons"]


def test_diff_asks_both_adapters_on_one_base(zoo, call, half, spec_of, monkeypatch) -> None:
    loads, load = [], hf.load
    monkeypatch.setattr(hf, "load", lambda spec: loads.append(1) or load(spec))
    spec = spec_of(zoo.adapter("healthy"), "main.yaml")
    ran = call("diff", spec, "--a", zoo.adapter("healthy"), "--b", half, "--format", "json")
    assert ran.code == 1
    assert len(loads) == 1
    [found] = json.loads(ran.out)["comparisons"]
    assert {p["name"]: p["change"] for p in found["probes"]} == {"changed": "regressed", "learned": "regressed"}
    assert call("diff", spec, "--a", half, "--b", half, "--format", "md").code == 0


@pytest.mark.parametrize(("b", "code"), [("nan", 3), ("noop", 3), ("truncated", 2), ("missing", 2)])
def test_a_second_adapter_that_cannot_be_asked_is_no_pass(zoo, call, spec_of, b: str, code: int) -> None:
    spec = spec_of(zoo.adapter("healthy"), "main.yaml", SHORT[:2])
    assert call("diff", spec, "--a", zoo.adapter("healthy"), "--b", zoo.adapter(b)).code == code


def test_several_specs_share_a_base_and_one_exit_code(zoo, call, spec_of, tmp_path, monkeypatch, own_answers) -> None:
    loads, load = [], hf.load
    monkeypatch.setattr(hf, "load", lambda spec: loads.append(1) or load(spec))
    specs = [spec_of(zoo.adapter(name), f"{name}/sway.yaml") for name in ("healthy", "noise", "nan", "truncated")]
    (tmp_path / "out").mkdir()
    ran = call("gate", *specs, "--json", tmp_path / "out")
    assert ran.code == 2
    assert len(loads) == 1
    rows = ran.out.split("All specs")[1]
    for said in ("healthy-sway", "noise-sway", "nan-sway", "truncated-sway", "1 of 4 passed; exit 2"):
        assert said in rows
    codes = {p.stem: json.loads(p.read_text())["gate"]["exit_code"] for p in (tmp_path / "out").iterdir()}
    assert codes == {"healthy-sway": 0, "noise-sway": 1, "nan-sway": 3}
    assert call("gate", *specs[:3]).code == 1
    assert call("gate", specs[0], specs[2]).code == 3
    assert not own_answers.exists() or not list(own_answers.iterdir())


def test_every_fault_of_every_spec_is_told_before_anything_runs(call, tmp_path, spec_of, zoo, monkeypatch) -> None:
    monkeypatch.setattr(hf, "load", lambda spec: pytest.fail("a model was loaded"))
    good = spec_of(zoo.adapter("healthy"), "good.yaml")
    (tmp_path / "bad.yaml").write_text("version: 1\nmodles: {}\n")
    ran = call("gate", good, tmp_path / "bad.yaml", tmp_path / "none.yaml")
    assert ran.code == 2
    assert "bad.yaml" in ran.err
    assert "none.yaml" in ran.err
    assert call("gate", good, good).code == 2
    other = spec_of(zoo.adapter("noise"), "other.yaml")
    ran = call("gate", good, other, "--json", tmp_path / "one.json")
    assert ran.code == 2
    assert "{name}" in ran.err


def test_reports_of_equal_names_never_replace_each_other(zoo, call, spec_of, tmp_path) -> None:
    disk = [{"name": "ghost", "kind": "gradient_ghost"}]
    specs = [spec_of(zoo.adapter("healthy"), f"{at}/x/sway.yaml", disk) for at in ("a", "b", "c")]
    assert call("gate", *specs, "--json", tmp_path / "r-{name}.json").code == 0
    assert len(list(tmp_path.glob("r-*.json"))) == 3


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"schema_version": 9}', '{"probes": [NaN]}'])
def test_a_hostile_baseline_is_one_line_before_anything_runs(zoo, call, spec_of, tmp_path, monkeypatch, text) -> None:
    monkeypatch.setattr(hf, "load", lambda spec: pytest.fail("a model was loaded"))
    (tmp_path / "bad.json").write_text(text)
    spec = spec_of(zoo.adapter("healthy"), "main.yaml")
    for words in (("gate", spec), ("run", spec), ("compare", tmp_path / "bad.json")):
        extra = (tmp_path / "bad.json",) if words[0] == "compare" else ("--baseline", tmp_path / "bad.json")
        ran = call(*words, *extra)
        assert ran.code == 2
        assert len([line for line in ran.err.splitlines() if line.startswith("error:")]) == 1


def test_a_baseline_with_nothing_in_common_is_exit_2(zoo, call, spec_of, tmp_path) -> None:
    disk, other = ([{"name": "p", "kind": kind}] for kind in ("gradient_ghost", "training_drift"))
    main, new = tmp_path / "main.json", tmp_path / "new.json"
    call("run", spec_of(zoo.adapter("healthy"), "main.yaml", disk), "--json", main)
    call("run", spec_of(zoo.adapter("healthy"), "new.yaml", other), "--json", new)
    ran = call("compare", main, new)
    assert ran.code == 2
    assert "nothing in it can be compared" in ran.err
    assert call("gate", tmp_path / "new.yaml", "--baseline", main).code == 2


def test_what_the_baseline_measured_and_is_gone_is_lost(zoo, call, spec_of, tmp_path) -> None:
    disk = [{"name": kind, "kind": kind} for kind in ("gradient_ghost", "training_drift")]
    main = tmp_path / "main.json"
    assert call("run", spec_of(zoo.adapter("healthy"), "main.yaml", disk), "--json", main).code == 0
    fewer = spec_of(zoo.adapter("healthy"), "fewer.yaml", disk[:1])
    assert call("gate", fewer, "--baseline", main).code == 0
    ran = call("gate", fewer, "--baseline", main, "--fail-on-regression")
    assert ran.code == 3
    assert "training_drift: lost: not in the suite any more" in ran.out
    bare = tmp_path / "bare"
    shutil.copytree(zoo.adapter("noise"), bare)
    ran = call("gate", spec_of(bare, "bare.yaml", disk), "--baseline", main, "--fail-on-regression")
    assert ran.code == 3
    assert "lost: skip now" in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "a.json"),
        ("compare", "a.json", "b.json", "--fail-on-regression", "2"),
        ("gate", "a", "--fail-on-regression"),
    ],
)
def test_wrong_words_are_exit_2(call, words) -> None:
    assert call(*words).code == 2


def test_an_interrupted_gate_says_how_to_go_on_and_goes_on(
    zoo, call, spec_of, tmp_path, monkeypatch, own_answers
) -> None:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    spec = spec_of(zoo.adapter("healthy"), "main.yaml", suite()[:2])
    whole = json.loads(_gated(call, spec, tmp_path / "whole.json"))
    answer = hf.HFBackend.answer
    with monkeypatch.context() as patch:
        patch.setattr(hf.HFBackend, "answer", lambda self, asked: _until(answer(self, asked), len(asked), 90))
        ran = call("gate", spec, "--json", tmp_path / "r.json")
    assert ran.code == 130
    assert "90 answers are kept: run the same command again to go on" in ran.err
    assert not (tmp_path / "r.json").exists()
    resumed = json.loads(_gated(call, spec, tmp_path / "r.json"))
    assert resumed["backend_stats"]["requests"] == whole["backend_stats"]["requests"] - 90
    for report in (whole, resumed):
        for probe in report["probes"]:
            del probe["duration_s"]
    assert resumed["probes"] == whole["probes"]
    assert list(own_answers.iterdir()) == []


def _gated(call, spec: Path, path: Path) -> str:
    assert call("gate", spec, "--json", path).code == 0
    return path.read_text()


def _until(answers, asked: int, stop: int):
    """Answers, and Ctrl-C after `stop` of a round; the two questions of the preflight pass."""
    for i, found in enumerate(answers):
        if asked > 2 and i == stop:
            raise KeyboardInterrupt
        yield found
