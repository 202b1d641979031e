import json

import pytest

from sway.probes.registry import REGISTRY


def test_every_probe_is_listed_in_every_format(call):
    for form in ("table", "md", "json"):
        code, out, err = call("list-probes", "--format", form)
        assert (code, err) == (0, "")
        assert all(kind in out for kind in REGISTRY)
    listed = json.loads(out)
    assert {p["kind"] for p in listed} == set(REGISTRY)
    assert [p["category"] for p in listed][-1] == "baseline"


@pytest.mark.parametrize("kind", REGISTRY)
def test_explain_gives_the_docstring_and_every_parameter(call, kind):
    code, out, err = call("explain", kind)
    assert (code, err) == (0, "")
    probe = REGISTRY[kind]
    assert probe.doc.strip() in out
    assert f"a {probe.claim} claim" in out
    for name, field in probe.params.model_fields.items():
        assert f"  {name}: {'required' if field.is_required() else 'default '}" in out


def test_parameters_come_with_their_defaults_and_the_required_first(call):
    lines = call("explain", "delta_kl")[1].splitlines()
    first = lines.index("Parameters, beside name, kind, enabled, weight and required:") + 2
    assert lines[first].startswith("  prompts: required. ")
    assert any(line.startswith('  divergence: default "js". ') for line in lines)


def test_an_unknown_probe_names_the_nearest(call):
    assert call("explain", "delta_lk") == (2, "", "error: there is no probe 'delta_lk' (did you mean delta_kl?)\n")


@pytest.mark.parametrize("options", [[], ["--report"]])
def test_schema_is_json(call, options):
    code, out, err = call("schema", *options)
    assert (code, err) == (0, "")
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_what_the_gate_does_without_is_said(call):
    said = "The gate does without it unless the spec says required: true."
    assert said in call("explain", "cluster_kl").out
    assert said not in call("explain", "delta_kl").out
