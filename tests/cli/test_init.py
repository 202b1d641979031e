import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from sway.probes.registry import REGISTRY
from sway.suite.loader import load_spec
from sway.suite.schema import json_schema


def kinds(path: Path) -> list[str]:
    return [entry.kind for entry in load_spec(path).spec.suite]


@pytest.fixture
def spec(tmp_path):
    return tmp_path / "sway.yaml"


def test_the_spec_is_accepted_as_it_is(call, adapter, spec):
    code, out, err = call("init", adapter, "-o", spec)
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote {spec}; next: ")
    loaded = load_spec(spec)
    assert loaded.adapter == adapter
    assert loaded.spec.models.base.base == "org/model"
    assert 'adapter: "./runs/adapter"' in spec.read_text()
    assert kinds(spec) == ["null_adapter", "delta_kl", "external_perplexity", "calibration_drift", "adapter_ablation"]
    assert "# sections: ./training-text.md" in spec.read_text()
    jsonschema.validate(yaml.safe_load(spec.read_text()), json_schema())


def test_paths_are_relative_to_the_spec_wherever_it_is(call, adapter, tmp_path, monkeypatch):
    (tmp_path / "ci").mkdir()
    (tmp_path / "base").mkdir()
    text = tmp_path / "text.md"
    text.write_text("# One\n" + "Some text. " * 20)
    monkeypatch.chdir(tmp_path)
    args = ("-o", "ci/s.yaml", "--base", "base", "--sections", "text.md")
    assert call("init", "runs/adapter", *args)[0] == 0
    written = (tmp_path / "ci" / "s.yaml").read_text()
    assert all(f'"../{name}"' in written for name in ("runs/adapter", "base", "text.md"))
    loaded = load_spec(tmp_path / "ci" / "s.yaml")
    assert (loaded.adapter, loaded.spec.models.ft.base) == (adapter, str(tmp_path / "base"))
    assert [s.tag for s in loaded.sections] == ["One"]
    assert {"section_internalization", "leakage"} <= set(kinds(tmp_path / "ci" / "s.yaml"))


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"kind": "preference", "preferences": [{"prompt": "a", "chosen": "b", "rejected": "c"}]}, "preference_flip"),
        ({"kind": "prose", "content": "Some text. " * 20}, "leakage"),
        ({"kind": "prose", "content": "Some text." + " " * 200}, None),
        ({"kind": "instruction", "probes": [{"prompt": "a", "gold": "b"}]}, None),
    ],
)
def test_probes_of_one_kind_of_text_are_there_only_with_such_text(call, adapter, spec, tmp_path, section, expected):
    (tmp_path / "text.json").write_text(json.dumps([section]))
    assert call("init", adapter, "-o", spec, "--sections", tmp_path / "text.json")[0] == 0
    assert {"preference_flip", "leakage"} & set(kinds(spec)) == ({expected} if expected else set())
    assert "section_internalization" in kinds(spec)


def test_text_that_is_too_short_for_leakage_leaves_it_out_and_says_why(call, adapter, spec, tmp_path):
    (tmp_path / "text.md").write_text("# One\nShort.\n")
    assert call("init", adapter, "-o", spec, "--sections", tmp_path / "text.md")[0] == 0
    assert "left out: no prose section has 160 characters" in spec.read_text()
    entries = yaml.safe_load(uncommented(spec.read_text()))["suite"]
    assert "leakage" in {entry["kind"] for entry in entries}


@pytest.mark.parametrize("name", ["text.md", "runs/adapter/adapter_config.json", "link.md"])
def test_what_the_spec_is_made_from_is_never_replaced(call, adapter, tmp_path, name):
    text = tmp_path / "text.md"
    text.write_text("# One\nIrreplaceable.\n")
    (tmp_path / "link.md").symlink_to(text)
    before = (tmp_path / name).read_bytes()
    code, _, err = call("init", adapter, "-o", tmp_path / name, "--sections", text, "--force")
    assert (code, err.count("\n")) == (2, 1)
    assert "would replace what it is made from" in err
    assert (tmp_path / name).read_bytes() == before


def test_a_disk_that_is_full_leaves_the_old_spec(call, adapter, spec, full_disk):
    spec.write_text("mine")
    with full_disk():
        code, _, err = call("init", adapter, "-o", spec, "--force")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written" in err
    assert spec.read_text() == "mine"
    assert sorted(p.name for p in spec.parent.iterdir()) == ["runs", "sway.yaml"]


def uncommented(text: str) -> str:
    """The suite with its examples taken out of their comments."""
    head, suite = text.split("suite:\n")
    return head + "suite:\n" + re.sub(r"^  # (- name|  )", r"  \1", suite, flags=re.MULTILINE)


def test_the_examples_in_comments_are_entries_with_valid_parameters(call, adapter, spec):
    assert call("init", adapter, "-o", spec)[0] == 0
    entries = yaml.safe_load(uncommented(spec.read_text()))["suite"]
    assert len({e["name"] for e in entries}) == len(entries)
    examples = {e["kind"]: {k: v for k, v in e.items() if k not in ("name", "kind", "required")} for e in entries}
    assert {"paraphrase_invariance", "preference_flip", "section_internalization", "leakage"} <= set(examples)
    for kind in set(examples) & set(REGISTRY):
        REGISTRY[kind].params(**examples[kind])
    assert all(REGISTRY[e["kind"]].required or e["required"] is True for e in entries)


def test_inside_the_adapters_folder_no_argument_is_needed(call, adapter, monkeypatch):
    monkeypatch.chdir(adapter)
    assert call("init")[0] == 0
    assert load_spec("sway.yaml").adapter == adapter


def test_disk_probes_are_there_only_if_their_files_are(call, adapter, spec):
    (adapter / "training_state.pt").write_bytes(b"")
    (adapter / "trainer_state.json").write_text("{}")
    assert call("init", adapter, "-o", spec)[0] == 0
    assert {"gradient_ghost", "training_drift"} <= set(kinds(spec))


def test_a_file_is_replaced_only_if_told(call, adapter, spec):
    spec.write_text("mine")
    code, _, err = call("init", adapter, "-o", spec)
    assert code == 2
    assert "there is a file already" in err
    assert spec.read_text() == "mine"
    assert call("init", adapter, "-o", spec, "--force")[0] == 0
    assert spec.read_text() != "mine"


@pytest.mark.parametrize(
    ("base", "args", "expected"),
    [
        (None, [], "does not say what base it was trained on (give --base)"),
        ("./there", [], "the base './there' is no folder here"),
        ("org/model", ["--base", "./no"], "--base: the base './no' is no folder here"),
        ("org/model", ["--sections", "no.md"], "sections: no such file"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(call, adapter, spec, base, args, expected):
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "base_model_name_or_path": base}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    code, _, err = call("init", adapter, "-o", spec, *args)
    assert code == 2
    assert expected in err
    assert not spec.exists()


def test_a_folder_that_is_no_adapter_is_refused(call, tmp_path, spec):
    code, _, err = call("init", tmp_path, "-o", spec)
    assert code == 2
    assert "adapter_config.json" in err


def test_odd_names_survive(call, adapter, tmp_path, spec):
    odd = adapter.rename(adapter.parent / 'it\'s "a": {%s} # \u00e9\u4e2d')
    assert call("init", odd, "-o", spec)[0] == 0
    assert load_spec(spec).adapter == odd


@pytest.mark.parametrize("output", ["x" * 5000, "x" * 300 + "/sway.yaml", "~nobody-of-that-name/sway.yaml"])
def test_a_place_that_cannot_be_is_one_line(call, adapter, output):
    code, out, err = call("init", adapter, "-o", output)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert call("init", "~nobody-of-that-name", "-o", adapter / "sway.yaml").code == 2
    assert call("gate", "~nobody-of-that-name/sway.yaml").code == 2
