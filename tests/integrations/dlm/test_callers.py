"""The `dlm` tool calls sway by its older import name, and reads its reports."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from tests.integrations.dlm.conftest import page


@pytest.fixture
def document(tmp_path, train, zoo, taught):
    train(zoo.adapter("healthy"))
    path = tmp_path / "guide.dlm"
    path.write_text(page(taught, base=f"hf:{zoo.base}"))
    return path


def test_its_judge_scores_with_the_adapter_of_the_document(document):
    from dlm.preference.judge import build_judge

    from sway import backends
    from sway.core.model import ModelSpec
    from sway.integrations.dlm.resolver import resolve_dlm

    handle = resolve_dlm(document)
    judge = build_judge("sway", dlm_path=document)
    backend = backends.build(ModelSpec(base=handle.base_model), adapter_path=handle.adapter_path, threads=1)
    gains = []
    for one in (asked.qa for asked in handle.asked[:4]):
        score = judge.score_pair(one.prompt, one.gold, "No, not that at all.")
        with backend.as_finetuned() as tuned, backend.as_base() as base:
            assert score.score_a == pytest.approx(tuned.logprob_of(one.prompt, one.gold) / (len(one.gold) // 4))
            gains.append(tuned.logprob_of(one.prompt, one.gold) - base.logprob_of(one.prompt, one.gold))
    assert min(gains) > 0


def test_its_judge_says_why_there_is_nothing_to_judge_with(tmp_path, home):
    from dlm.preference.errors import JudgeUnavailableError
    from dlm.preference.judge import build_judge

    path = tmp_path / "new.dlm"
    path.write_text(page("words\n"))
    with pytest.raises(JudgeUnavailableError, match="requires a trained adapter"):
        build_judge("sway", dlm_path=path).score_pair("a", "b", "c")
    path.write_text("nothing")
    with pytest.raises(JudgeUnavailableError, match="could not resolve"):
        build_judge("sway", dlm_path=path).score_pair("a", "b", "c")


def test_its_export_can_write_a_spec(document, tmp_path):
    """The calls by which its later versions put a sway.yaml beside an export."""
    from dlm_sway.integrations.dlm.autogen import build_spec_dict
    from dlm_sway.integrations.dlm.resolver import resolve_dlm
    from dlm_sway.suite.loader import load_spec

    made = build_spec_dict(resolve_dlm(document), dlm_source=str(document))
    spec = tmp_path / "exports" / "sway.yaml"
    spec.parent.mkdir()
    spec.write_text(yaml.safe_dump(made, sort_keys=False))
    loaded = load_spec(spec)
    assert loaded.spec.dlm_source == str(document.resolve())
    assert len(loaded.sections) == len(resolve_dlm(document).sections)


def test_it_harvests_what_an_adapter_did_not_learn(document, zoo, call, own_cache, tmp_path):
    from dlm.cli.app import app
    from dlm.doc.parser import parse_file

    spec = zoo.spec(
        tmp_path,
        "wrong_document",
        suite=[
            {"name": "nulls", "kind": "null_adapter", "runs": 19},
            {"name": "learned", "kind": "section_internalization"},
        ],
    )
    report = tmp_path / "report.json"
    assert call("gate", spec, "--json", report, "--threads", "1").code == 1
    failed = [p for p in json.loads(report.read_text())["probes"] if p["verdict"] == "fail"]
    document.write_text(page("Unrelated.\n", base=f"hf:{zoo.base}"))
    done = CliRunner().invoke(app, ["harvest", str(document), "--sway-json", str(report), "--apply"])
    assert done.exit_code == 0, done.output
    harvested = [s for s in parse_file(document).sections if s.auto_harvest]
    assert [p["name"] for p in failed] == ["learned"]
    assert len(harvested) == 1
    assert failed[0]["evidence"]["prompt"] in harvested[0].content
