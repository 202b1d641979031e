import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from sway.core.errors import SpecError
from sway.probes.registry import REGISTRY as STANDARD
from sway.suite.loader import load_spec, spec_from_data
from sway.suite.schema import json_schema
from tests.fakes import required
from tests.suite.conftest import MODELS, SUITE
from tests.suite.fakes import REGISTRY

VALIDATOR = jsonschema.Draft202012Validator(json_schema(REGISTRY))
HEAD = "version: 1\n" + MODELS
GOOD = HEAD + SUITE


def test_it_is_a_schema_with_the_probes_own_words():
    schema = json_schema(REGISTRY)
    jsonschema.Draft202012Validator.check_schema(schema)
    entry = schema["$defs"]["probe.delta_kl"]
    assert entry["description"] == "How much of delta_kl is there?"
    assert entry["properties"]["prompts"]["description"] == "Texts to continue."
    assert entry["properties"]["assert_mean_gte"]["default"] == 0.02
    assert entry["required"] == ["name", "kind", "prompts"]
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("kind", STANDARD)
def test_the_defaults_of_a_probe_are_accepted_by_loader_and_schema(kind):
    """As they are written out, so that what `sway explain` shows can be put into a spec."""
    fields = STANDARD[kind].params.model_fields.items()
    defaults = {k: f.get_default(call_default_factory=True) for k, f in fields if not f.is_required()}
    given = required(STANDARD[kind])
    entry = {"name": "a", "kind": kind, **given, **json.loads(to_json(defaults))}
    data = {"version": 1, "models": {"base": {"base": "m"}, "ft": {"base": "m", "adapter": "/"}}, "suite": [entry]}
    jsonschema.validate(data, json_schema())
    loaded = spec_from_data(data)
    assert loaded.spec.suite[0].params == STANDARD[kind].params(**given)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD + "defaults: {seed: 3, alpha: 1e-2, score_weights: {ablation: 0}}\n",
        GOOD + "sections: [{kind: prose, content: x, tag: null}]\ncontrols: null\ndlm_source: null\n",
        HEAD + "suite: [{name: c, kind: adapter_revert, cases: [{prompt: p, gold: g, paraphrases: [q]}], limit: 3}]\n",
        HEAD + "suite: [{name: c, kind: delta_kl, prompts: &p [x], weight: 2, top_k: null, divergence: kl}]\n",
    ],
)
def test_what_the_loader_accepts_is_valid(load, text):
    load(text)
    VALIDATOR.validate(yaml.safe_load(text.replace("1e-2", "0.01")))


@pytest.mark.parametrize(
    "text",
    [
        MODELS + SUITE,
        "version: 2\n" + MODELS + SUITE,
        HEAD + "suite: []\n",
        GOOD + "extra: 1\n",
        GOOD + "defaults: {alpha: 0.5}\n",
        GOOD + "defaults: {score_weights: {adherance: 1}}\n",
        GOOD + "defaults: {score_weights: {adherence: -1}}\n",
        HEAD + "suite: [{name: a, kind: delta_lk}]\n",
        HEAD + "suite: [{name: a, kind: delta_kl}]\n",
        HEAD + "suite: [{name: a, kind: delta_kl, prompts: []}]\n",
        HEAD + "suite: [{name: a, kind: delta_kl, prompts: [x], wieght: 1}]\n",
        HEAD + "suite: [{name: c, kind: adapter_revert, cases: [{prompt: p, gold: g, paraphrases: [q], z: 1}]}]\n",
        HEAD
        + "suite: [{name: c, kind: adapter_revert, cases: [{prompt: p, gold: g, paraphrases: [q]}], between: [1]}]\n",
    ],
)
def test_faults_of_the_text_are_invalid_for_both(load, text):
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    with pytest.raises(SpecError):
        load(text)


def outcome(path):
    try:
        return load_spec(path, registry=REGISTRY)
    except SpecError as fault:
        return fault


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.floats(-2, 2), st.sampled_from(["", "x", "js", "kl", "0", "a.md"])
)
KEYS = sorted({"name", "kind", "extra", *(f for p in REGISTRY.values() for f in p.params.model_fields)})
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(KEYS), v, max_size=3)
)
ENTRY = st.fixed_dictionaries(
    {"name": st.sampled_from("abcdef"), "kind": st.sampled_from([*REGISTRY, "nope"])},
    optional={key: VALUES | st.just(["x"]) for key in [*KEYS[:3], "prompts", "weight", "enabled", "top_k", "runs"]},
)


@st.composite
def specs(draw):
    """Specs of which many are nearly right."""
    data = {
        "version": 1,
        "models": {"base": {"base": "m"}, "ft": {"base": "m", "adapter": "adapter"}},
        "suite": draw(st.lists(ENTRY, min_size=1, max_size=3)),
    }
    for key in draw(
        st.sets(st.sampled_from(["version", "defaults", "sections", "models", "suite", "dlm_source"]), max_size=1)
    ):
        data[key] = draw(VALUES)
    return data


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=specs())
def test_loader_and_schema_agree_and_nothing_but_a_spec_error_is_raised(folder, data):
    path = folder / "sway.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    loaded = outcome(path)
    if isinstance(loaded, SpecError):
        assert loaded.problems
        assert all("\n" not in str(p) for p in loaded.problems)
        return
    VALIDATOR.validate(data)
    document = loaded.spec.document()
    VALIDATOR.validate(document)
    assert spec_from_data(document, path=path, registry=REGISTRY).spec.document() == document


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.text(alphabet="{}[]:,-&*!<>|'\"#%@ \n\tabc01.~?=").map(lambda t: "version: 1\n" + t))
def test_any_text_is_a_spec_or_a_spec_error(folder: Path, text):
    path = folder / "sway.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry=REGISTRY)
    assert caught.value.problems


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(), name=st.sampled_from(["t.md", "t.json", "t.yaml"]), text=st.text(), use=st.booleans())
def test_any_section_file_gives_sections_or_a_spec_error(folder: Path, raw, name, text, use):
    (folder / name).write_bytes(raw if use else text.encode("utf-8", "surrogatepass"))
    (folder / "sway.yaml").write_text(GOOD + f"sections: {name}\n")
    loaded = outcome(folder / "sway.yaml")
    assert loaded.problems if isinstance(loaded, SpecError) else loaded.sections
