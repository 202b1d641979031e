import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sway.core.sections import QA, Preference, Section, SectionKind
from sway.engine.plan import Options, forecast, make_plan
from sway.integrations.dlm.autogen import build_spec_dict
from sway.integrations.dlm.bodies import Asked
from sway.integrations.dlm.material import Material
from sway.integrations.dlm.recipes import RECIPES, suite_for
from sway.integrations.dlm.resolver import DlmHandle
from sway.probes.registry import REGISTRY
from sway.suite.loader import load_spec, spec_from_data
from tests.integrations.dlm.conftest import DLM_ID, page

MOST: dict[str, tuple[str, int]] = {
    "delta_kl": ("prompts", 16),
    "adapter_revert": ("cases", 8),
    "prompt_collapse": ("prompts", 4),
    "paraphrase_invariance": ("cases", 6),
}


@pytest.fixture
def written(tmp_path, train, zoo, taught, monkeypatch):
    """A document on the zoo's text and base, with its healthy adapter as version 1."""
    monkeypatch.chdir(tmp_path)
    train(zoo.adapter("healthy"))
    (tmp_path / "docs").mkdir()
    path = tmp_path / "docs" / "guide.dlm"
    path.write_text(page(taught, base=f"hf:{zoo.base}"))
    return path


def handle(tmp_path, questions=0, prose=0, triples=0, probes=0) -> DlmHandle:
    """A resolved document with so many of each."""
    qas = [QA(prompt=f"What is thing {i}?", gold=f"Thing {i} is a number.") for i in range(questions)]
    choices = tuple(Preference(prompt=f"Say {i}.", chosen="yes", rejected="no") for i in range(triples))
    words = "the quiet harbor lies behind the old wall where every boat comes home at night "
    sections = [Section(kind=SectionKind.INSTRUCTION, probes=tuple(qas))] if qas else []
    sections += [Section(kind=SectionKind.PROSE, content=f"Part {i} of it. {words * 4}") for i in range(prose)]
    sections += [Section(kind=SectionKind.PREFERENCE, preferences=choices)] if choices else []
    asked = tuple(Asked(qa, i >= questions - probes) for i, qa in enumerate(qas))
    return DlmHandle(DLM_ID, "org/model", tmp_path, tuple(sections), "", asked=asked)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 60), st.integers(0, 4), st.integers(0, 5), st.integers(0, 60))
def test_any_document_gives_a_spec_within_bounds(tmp_path, questions, prose, triples, probes):
    made = handle(tmp_path, questions, prose, triples, min(probes, questions))
    suite = suite_for(Material(made), dict.fromkeys(RECIPES))
    entries = {e["kind"]: e for e in suite.entries}
    assert {*entries, *suite.left_out} == set(RECIPES)
    kinds = [e["kind"] for e in suite.entries]
    assert (kinds[0], kinds[-1]) == ("null_adapter", "adapter_ablation")
    for kind, (key, most) in MOST.items():
        assert kind not in entries or 1 <= len(entries[kind][key]) <= most
    assert entries["external_perplexity"]["max_chunks"] == 8
    assert len(entries["cluster_kl"]["prompts"]) >= 20 if "cluster_kl" in entries else questions + triples < 20
    assert ("preference_flip" in entries) == (triples >= 3)
    assert all(reason for reason in suite.left_out.values())
    spec = build_spec_dict(made)
    loaded = spec_from_data(yaml.safe_load(yaml.safe_dump(spec)), path=tmp_path / "sway.yaml")
    assert [e.kind for e in loaded.spec.suite] == [k for k in kinds if k in REGISTRY]


def test_marked_questions_come_first(tmp_path):
    made = Material(handle(tmp_path, questions=40, probes=3))
    marked = [f"What is thing {i}?" for i in (37, 38, 39)]
    assert made.some_prompts(16)[:3] == [f"{marked[i - 37]} Thing {i}" for i in (37, 38, 39)]
    assert made.questions(4)[:3] == marked
    assert len(made.some_prompts(16)) == 16
    assert [case["prompt"] for case in made.cases(6)][:3] == marked
    for case in made.cases(6):
        assert len(set(case["paraphrases"]) - {case["prompt"]}) == 3


def test_every_probe_that_there_is_takes_what_it_is_given(tmp_path):
    """Guards the names of parameters: a probe that changes them must change its recipe."""
    (tmp_path / "training_state.pt").write_bytes(b"")
    (tmp_path / "chat_template.jinja").write_text("x")
    made = suite_for(Material(handle(tmp_path, questions=30, prose=3, triples=4)), REGISTRY)
    for entry in made.entries:
        own = {k: v for k, v in entry.items() if k not in ("name", "kind", "required")}
        REGISTRY[entry["kind"]].params.model_validate_json(json.dumps(own), strict=True)


def test_autogen_writes_a_spec_that_runs_as_it_is(written, call, tmp_path):
    ran = call("autogen", "docs/guide.dlm", "-o", "sway.yaml")
    assert (ran.code, ran.err) == (0, "")
    text = (tmp_path / "sway.yaml").read_text()
    loaded = load_spec("sway.yaml")
    assert 'dlm_source: "./docs/guide.dlm"' in text
    assert "# skipped: tool_use_fidelity: " in text
    assert DLM_ID in text
    assert "version v0001" in text
    assert loaded.spec.suite[0].kind == "null_adapter"
    assert loaded.spec.suite[-1].kind == "adapter_ablation"
    assert {"section_internalization", "leakage", "training_drift"} <= {e.kind for e in loaded.spec.suite}
    assert loaded.sections
    probes, rows, passes = forecast(make_plan(loaded, Options()))
    assert rows > passes > 0
    assert not [p for p in probes if p.note]
    again = call("autogen", "docs/guide.dlm", "-o", "sway.yaml")
    assert again.code == 2
    assert "there is a file already" in again.err
    assert call("autogen", "docs/guide.dlm", "-o", "sway.yaml", "--force").code == 0
    before = written.read_bytes()
    over = call("autogen", "docs/guide.dlm", "-o", "docs/guide.dlm", "--force")
    assert (over.code, "would replace what it is made from" in over.err) == (2, True)
    assert written.read_bytes() == before
    assert (tmp_path / "sway.yaml").read_text() == text


def test_the_gate_reaches_a_verdict_on_the_healthy_adapter_of_a_document(written, call, own_cache, tmp_path):
    assert call("autogen", "docs/guide.dlm").code == 0
    ran = call("gate", "sway.yaml", "--json", "report.json", "--threads", "1")
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
    assert ran.code in (0, 1), ran.out + ran.err
    verdicts = {p["kind"]: p["verdict"] for p in report["probes"] if p["required"]}
    # The zoo's small base hardly reads as far back as prompt_collapse asks, and a tiny adapter fades with it.
    verdicts.pop("prompt_collapse", None)
    # Nor does it tell the document's questions apart once they are put in other words.
    verdicts.pop("paraphrase_invariance", None)
    assert set(verdicts.values()) <= {"pass", "warn"}, ran.out
    assert {verdicts[kind] for kind in ("delta_kl", "section_internalization", "adapter_ablation")} == {"pass"}


def test_what_cannot_be_made_into_a_spec_is_one_line(tmp_path, call, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.dlm").write_text(page("words\n"))
    (tmp_path / "bad.dlm").write_text(page("::instruction::\n### Q\nwhy?\n"))
    (tmp_path / "tag.dlm").write_text(page("words\n").replace("dlm_id: ", "dlm_id: !!bool "))
    for name, said in [
        ("new.dlm", "nothing has been trained from this document (train it first: dlm train new.dlm)"),
        ("bad.dlm", "bad.dlm:9: the end of the section"),
        ("tag.dlm", "tag.dlm:2: the front matter is not valid YAML: not a value of its tag's type"),
        ("none.dlm", "No such file"),
    ]:
        ran = call("autogen", name)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1)
        assert said in ran.err
        assert not (tmp_path / "sway.yaml").exists()


def test_faults_of_the_document_are_told_with_the_others_of_the_spec(tmp_path, call):
    (tmp_path / "bad.dlm").write_text(page("::nothing::\n"))
    models = {"base": {"base": "m"}, "ft": {"base": "m", "adapter": "."}}
    spec = {"version": 1, "models": models, "dlm_source": "bad.dlm", "suite": [{"name": "a", "kind": "leakige"}]}
    (tmp_path / "sway.yaml").write_text(yaml.safe_dump(spec))
    ran = call("run", tmp_path / "sway.yaml")
    assert ran.code == 2
    assert "did you mean leakage?" in ran.err
    assert "bad.dlm:6: " in ran.err


def test_sections_of_the_spec_come_before_those_of_the_document(tmp_path):
    (tmp_path / "doc.dlm").write_text(page("from the document\n"))
    models = {"base": {"base": "m"}, "ft": {"base": "m", "adapter": "."}}
    suite = [{"name": "a", "kind": "section_internalization"}]
    spec = {"version": 1, "models": models, "dlm_source": "doc.dlm", "suite": suite}
    own = {"sections": [{"kind": "prose", "content": "from the spec"}]}
    at = tmp_path / "sway.yaml"
    assert spec_from_data(spec, path=at).sections[0].content == "from the document"
    assert spec_from_data(spec | own, path=at).sections[0].content == "from the spec"
