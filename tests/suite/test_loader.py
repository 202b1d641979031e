import os
from pathlib import Path

import pytest

from sway.core.errors import SpecError
from sway.suite.loader import MAX_BYTES, load_spec, spec_from_data
from tests.suite.conftest import MODELS, SUITE
from tests.suite.fakes import REGISTRY

V = "version: 1\n"
GOOD = V + MODELS + SUITE


def test_a_minimal_spec_has_every_default(load, folder):
    loaded = load(GOOD)
    defaults = loaded.spec.defaults
    assert (defaults.seed, defaults.top_k, defaults.differential, defaults.alpha) == (0, 256, True, 0.05)
    assert (defaults.coverage_threshold, defaults.concurrent_probes, defaults.score_weights) == (0.6, 1, {})
    (entry,) = loaded.spec.suite
    assert (entry.name, entry.kind, entry.enabled, entry.weight, entry.required) == ("a", "delta_kl", True, 1.0, None)
    assert isinstance(entry.params, REGISTRY["delta_kl"].params)
    assert entry.params.prompts == ("x",)
    assert loaded.path == folder / "sway.yaml"
    assert loaded.adapter == folder / "adapter"


def test_every_fault_of_a_file_is_reported_at_once_in_order(faults):
    text = """\
version: 1
models:
  base: {kind: hf, base: org/m}
  ft: {kind: hf, base: org/n, adapter: nowhere, dtyp: fp16}
defaults: {seed: "0", alpha: .9}
suite:
  - {name: a, kind: delta_kl, prompts: [], wieght: 2}
  - name: a
    kind: delta_lk
  - name: c
    kind: adapter_revert
    cases:
      - prompt: hi
        gold: 3
        parafrases: [x]
    between: [1]
sections: [{kind: prose}]
extra: 1
"""
    lines = [line.split(" (")[0] for line in faults(text)]
    assert lines == [
        "sway.yaml:4: models.ft.dtyp: unknown key",
        lines[1],
        "sway.yaml:4: models.ft.base: is 'org/n' but models.base.base is 'org/m'",
        "sway.yaml:5: defaults.seed: must be a whole number, not text",
        "sway.yaml:5: defaults.alpha: must be less than 0.5",
        "sway.yaml:7: suite[0].prompts: at least 1 item needed",
        "sway.yaml:7: suite[0].wieght: unknown key",
        "sway.yaml:8: suite[1].name: the name 'a' is used on line 7 too",
        "sway.yaml:9: suite[1].kind: there is no probe of kind 'delta_lk'",
        "sway.yaml:13: suite[2].cases[0].paraphrases: is required",
        "sway.yaml:14: suite[2].cases[0].gold: must be text, not a whole number",
        "sway.yaml:15: suite[2].cases[0].parafrases: unknown key",
        "sway.yaml:16: suite[2].between[1]: is required",
        "sway.yaml:17: sections[0]: a section of kind prose needs content",
        "sway.yaml:18: extra: unknown key",
    ]
    assert lines[1].startswith("sway.yaml:4: models.ft.adapter: no such adapter folder; tried ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (V + SUITE, "the key models is missing"),
        (V + MODELS, "the key suite is missing"),
        (MODELS + SUITE, "the key version is missing (add: version: 1)"),
        ("version: 2\n" + MODELS + SUITE, "version: this release reads version 1 only"),
        ("version: true\n" + MODELS + SUITE, "version: this release reads version 1 only"),
        (V + MODELS + "suite: []\n", "suite: holds no probe"),
        (V + MODELS + "suite: {}\n", "suite: must be a list of probes"),
        (V + MODELS + "suite: [1]\n", "suite[0]: must be a mapping with the keys name and kind"),
        (V + "models: 3\n" + SUITE, "models: must be a mapping (key: value), not a whole number"),
        (V + "models: {base: {base: m}}\n" + SUITE, "models.ft: is required"),
        (GOOD + "defaults:\n", "defaults: must be a mapping (key: value), not empty"),
        (GOOD + "suit: []\n", "suit: unknown key (did you mean suite?)"),
        (GOOD + "defaults: {concurrent_probes: 33}\n", "concurrent_probes: must be at most 32"),
        (GOOD + "defaults: {concurrent_probes: 0}\n", "concurrent_probes: must be at least 1"),
        (GOOD + "defaults: {alpha: 0}\n", "alpha: must be greater than 0"),
        (GOOD + "defaults: {alpha: .nan}\n", "alpha: must be a finite number"),
        (GOOD + "defaults: {alpha: 1e999}\n", "alpha: must be a finite number"),
        (GOOD + "defaults: {alpha: inf}\n", "alpha: must be a number, not text"),
        (GOOD + "defaults: {seed: 99999999999999999999}\n", "seed: the number is too large"),
        (GOOD + "defaults: {seed: 1.0}\n", "seed: must be a whole number, not a number with a fraction"),
        (GOOD + "defaults: {differential: 'no'}\n", "write true or false, without quotes"),
        (GOOD + "defaults: {score_weights: {adherance: 1}}\n", "did you mean adherence?"),
        (GOOD + "defaults: {score_weights: {adherence: -1}}\n", "score_weights.adherence: must be at least 0"),
        (GOOD + "defaults: {score_weights: {adherence: .inf}}\n", "score_weights.adherence: must be a finite number"),
        (
            GOOD + "defaults: {score_weights: {adherence: 0, attribution: 0, calibration: 0, ablation: 0}}\n",
            "every weight in score_weights is zero",
        ),
        (V + MODELS + "suite: [{kind: delta_kl, prompts: [x]}]\n", "suite[0].name: is required"),
        (V + MODELS + "suite: [{name: a, prompts: [x]}]\n", "suite[0].kind: is required"),
        (V + MODELS + "suite: [{name: a, kind: [x]}]\n", "suite[0].kind: must be text, not a list"),
        (V + MODELS + "suite: [{name: '', kind: delta_kl, prompts: [x]}]\n", "suite[0].name: must not be empty"),
        (V + MODELS + "suite: [{name: __gate__, kind: delta_kl, prompts: [x]}]\n", "cannot name a probe"),
        (V + MODELS + 'suite: [{name: "a\\e[2J", kind: delta_kl, prompts: [x]}]\n', "cannot name a probe"),
        (V + MODELS + "suite: [{name: 7, kind: delta_kl, prompts: [x]}]\n", "put it in quotes"),
        (V + MODELS + "suite: [{name: a, kind: delta_kl, prompts: [yes]}]\n", "prompts[0]: must be text, not true"),
        (V + MODELS + "suite: [{name: a, kind: delta_kl, prompts: x}]\n", "prompts: must be a list, not text"),
        (V + MODELS + "suite: [{name: a, kind: delta_kl, prompts: [x], weight: -1}]\n", "weight: must be at least 0"),
        (
            V + MODELS + "suite: [{name: a, kind: delta_kl, prompts: [x], divergence: kll}]\n",
            "divergence: 'kll' is not one of js, kl (did you mean kl?)",
        ),
        (
            V + MODELS + "suite: [{name: n, kind: null_adapter}, {name: o, kind: null_adapter}]\n",
            "suite[1]: a second null_adapter",
        ),
        (
            V + MODELS + "suite: [{name: n, kind: null_adapter, calibrate_kinds: [delta_lk]}]\n",
            "calibrate_kinds[0]: there is no probe of kind 'delta_lk' (did you mean delta_kl?)",
        ),
        (GOOD + "dlm_source: no.dlm\n", "dlm_source: no such file"),
        (GOOD + "dlm_source: 3\n", "dlm_source: must be text"),
        (GOOD + "sections: 3\n", "sections: must be a list of sections"),
        (GOOD + "sections: []\n", "sections: holds no section"),
        (GOOD + "controls: no.md\n", "controls: no such file"),
    ],
)
def test_a_fault_is_named(faults, text, expected):
    (line,) = faults(text)
    assert expected in line


@pytest.mark.parametrize(
    ("ft", "expected"),
    [
        ("{base: org/m}", "models.ft: adapter is required"),
        ("{base: org/m, adapter: ''}", "is not a path"),
        ("{base: org/m, adapter: ~nobody-by-that-name/x}", "is not a path"),
        ("{base: org/m, adapter: sway.yaml}", "is a file (name the folder that holds adapter_config.json)"),
        ("{base: org/m, adapter: adapter, device: gpu}", "no device is called 'gpu'"),
        ("{base: org/m, adapter: adapter, kind: hff}", "'hff' is not one of hf, mlx, api, dummy, custom"),
        ("{base: org/m, adapter: adapter, revision: abc}", "models.ft.revision: is 'abc' but"),
        ("{base: org/m, adapter: adapter, kind: mlx}", "models.ft.kind: is 'mlx' but"),
        ("{base: org/m, adapter: adapter, endpoint: 'ftp://x'}", "is no http address"),
        ("{base: org/m, adapter: adapter, entry_point: 'os.system'}", "names no class"),
    ],
)
def test_a_faulty_model_is_named(faults, ft, expected):
    (line,) = faults(V + f"models: {{base: {{base: org/m}}, ft: {ft}}}\n" + SUITE)
    assert expected in line


def test_a_custom_model_needs_an_entry_point_and_an_api_model_an_address(faults):
    lines = faults(V + "models: {base: {base: m, kind: custom}, ft: {base: m, kind: api}}\n" + SUITE)
    assert [line.split(" (")[0] for line in lines] == [
        "sway.yaml:2: models.base: a model of kind custom needs entry_point",
        "sway.yaml:2: models.ft: a model of kind api needs endpoint",
        "sway.yaml:2: models.ft.kind: is 'api' but models.base.kind is 'custom'",
    ]


@pytest.mark.parametrize("differential", ["true", "false"])
@pytest.mark.parametrize("ft", ["{base: n, adapter: adapter}", "{base: n, kind: api, endpoint: 'http://h'}"])
def test_both_models_are_of_one_kind_however_they_are_loaded(faults, ft, differential):
    text = f"models:\n  base: {{base: m, kind: dummy}}\n  ft: {ft}\ndefaults: {{differential: {differential}}}\n"
    (line,) = [line for line in faults(V + text + SUITE) if "kind" in line]
    kind = "api" if "api" in ft else "hf"
    assert line == f"sway.yaml:4: models.ft.kind: is '{kind}' but models.base.kind is 'dummy' (make them equal)"


def test_a_base_that_looks_like_a_path_must_exist(faults):
    lines = faults(V + "models: {base: {base: ./no}, ft: {base: ./no, adapter: adapter}}\n" + SUITE)
    assert [line.split(";")[0] for line in lines] == [
        "sway.yaml:2: models.base.base: no such model folder",
        "sway.yaml:2: models.ft.base: no such model folder",
    ]


@pytest.mark.parametrize("base", ["./base", "base", "~/base", "../specs/base"])
def test_a_base_folder_is_relative_to_the_spec(load, folder, monkeypatch, base):
    (folder / "base").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    loaded = load(V + f"models: {{base: {{base: {base}}}, ft: {{base: {base}, adapter: adapter}}}}\n" + SUITE)
    assert loaded.spec.models.ft.base == loaded.spec.models.base.base == str(folder / "base")


def test_an_adapter_is_found_beside_the_spec_before_the_working_folder(load, folder):
    elsewhere = Path.cwd()
    (elsewhere / "adapter").mkdir()
    assert load(GOOD).adapter == folder / "adapter"
    (folder / "adapter").rmdir()
    assert load(GOOD).adapter == elsewhere / "adapter"


def test_a_missing_adapter_names_both_places(faults, folder):
    (folder / "adapter").rmdir()
    (line,) = faults(GOOD)
    assert "tried adapter and " in line
    assert f"{Path.cwd()}/adapter" in line


def test_a_suite_that_needs_no_model_needs_no_adapter(load):
    suite = "suite: [{name: n, kind: null_adapter}, {name: g, kind: gradient_ghost}]\n"
    assert load(V + "models: {base: {base: m}, ft: {base: m}}\n" + suite).adapter is None


def test_two_loaded_models_may_differ_but_not_be_one(load, faults):
    two = "models: {base: {base: m}, ft: {base: n}}\ndefaults: {differential: false}\n"
    assert load(V + two + SUITE).spec.models.ft.base == "n"
    (line,) = faults(V + two.replace("n}", "m}") + SUITE)
    assert "models.ft: is the base model itself" in line


def test_served_models_go_by_names_of_their_own(load):
    api = "models: {base: {kind: api, base: /srv/m, endpoint: 'http://h'}, ft: {kind: api, base: l, endpoint: 'http://h'}}"
    assert load(V + api + "\n" + SUITE).spec.models.base.base == "/srv/m"


def test_paths_among_the_parameters_are_absolute(load, folder):
    text = "suite: [{name: g, kind: gradient_ghost, adapter_path: adapter, store_path: logs}]\n"
    params = load(V + MODELS + text).spec.suite[0].params
    assert params.adapter_path == str(folder / "adapter")
    assert params.store_path == folder / "logs"


def test_lines_are_found_by_path(load):
    loaded = load(V + MODELS + "suite:\n- name: a\n  kind: delta_kl\n  prompts:\n  - x\n  - y\n")
    paths = ["version", "models.ft.adapter", "suite", "suite[0]", "suite[0].kind", "suite[0].prompts[1]"]
    assert [loaded.line(p) for p in paths] == [1, 2, 3, 4, 5, 8]
    assert loaded.line("suite[0].weight") == 4
    assert loaded.line("nowhere") == 1
    assert loaded.spec.suite[0].line == 4


def test_a_spec_makes_a_document_that_reads_back_the_same(load, folder):
    loaded = load(
        GOOD.replace("prompts: [x]", "prompts: [x], assert_mean_gte: 0.02, weight: 2, required: false")
        + "sections: [{kind: prose, content: hello}]\ndefaults: {seed: 3, score_weights: {ablation: 0}}\n"
    )
    again = spec_from_data(loaded.spec.document(), path=folder / "other.yaml", registry=REGISTRY)
    assert again.spec.document() == loaded.spec.document()
    assert again.sections == loaded.sections
    assert again.spec.suite[0].params.model_fields_set == {"prompts", "assert_mean_gte"}


def test_a_z_is_asked_only_of_probes_that_have_nulls(load):
    with pytest.raises(SpecError) as caught:
        load(GOOD.replace("prompts: [x]", "prompts: [x], assert_z_gte: 3.0"))
    (problem,) = caught.value.problems
    assert "delta_kl is not held against null adapters" in str(problem)
    assert "suite[0].assert_z_gte" in str(problem)


def test_data_in_memory_is_held_to_the_same_rules(folder):
    data = {"version": 1, "models": {"base": {"base": object()}}, "suite": [{"name": "a"}], 3: 4}
    with pytest.raises(SpecError) as caught:
        spec_from_data(data, path=folder / "x.yaml", registry=REGISTRY)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{folder}/x.yaml: ") for line in lines)


def test_data_in_memory_that_contains_itself_is_refused(folder):
    data: dict[str, object] = {}
    data["suite"] = [data]
    with pytest.raises(SpecError, match="nested more than"):
        spec_from_data(data, path=folder / "x.yaml", registry=REGISTRY)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b", "x" * 5000])
def test_a_path_that_is_no_file_is_one_line(folder, name):
    with pytest.raises(SpecError) as caught:
        load_spec(folder / name, registry=REGISTRY)
    assert len(caught.value.problems) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_an_unreadable_file_is_one_line(folder):
    path = folder / "sway.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(path, registry=REGISTRY)


def test_a_huge_file_is_refused(faults):
    (line,) = faults("# " + "x" * MAX_BYTES)
    assert "larger than 1,000,000 bytes" in line


def test_a_file_in_another_encoding_is_refused_with_its_line(faults):
    (line,) = faults(b"version: 1\nmodels: \xff\xfe\n")
    assert line.startswith("sway.yaml:2: not UTF-8 text")


def test_a_byte_order_mark_is_no_fault(load):
    assert load(b"\xef\xbb\xbf" + GOOD.encode()).spec.version == 1


def test_many_faults_are_counted_rather_than_listed(faults):
    lines = faults(V + MODELS + "suite: [" + "1," * 500 + "]\n")
    assert len(lines) == 201
    assert lines[-1] == "sway.yaml: and 300 more problems"
