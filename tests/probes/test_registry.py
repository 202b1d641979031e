import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sway.core.errors import SwayError
from sway.core.measurement import Claim
from sway.core.probe import Params
from sway.core.requests import After, Chat
from sway.probes.registry import REGISTRY, get
from tests.fakes import World, drive, required

PROBES = pytest.mark.parametrize("probe", REGISTRY.values(), ids=REGISTRY)


def example(kind):
    """The parameters of the probe's first case."""
    return yaml.safe_load((Path(__file__).parents[1] / "cases" / f"{kind}.yml").read_text())[0]["params"]


@PROBES
def test_a_docstring_has_its_parts(probe):
    lines = probe.doc.splitlines()
    assert probe.question.endswith("?")
    assert len(probe.question) <= 100
    assert lines[1] == ""
    for part in ("Tells you:", "Cannot tell you:"):
        assert any(line.startswith(part) for line in lines), part


@PROBES
def test_every_parameter_is_described_and_every_default_is_valid(probe):
    for name, field in probe.params.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
    built = probe.params(**required(probe))
    assert probe.params.model_validate(built.model_dump()) == built
    assert probe.params.model_validate_json(built.model_dump_json()) == built


@PROBES
def test_the_kind_is_the_name_in_the_registry(probe):
    assert REGISTRY[probe.kind] is probe
    assert issubclass(probe.params, Params)
    assert probe.measures


@PROBES
def test_unknown_parameters_are_refused(probe):
    with pytest.raises(ValueError, match="extra_forbidden"):
        probe.params(**required(probe), assert_nothing=1)


def test_an_unknown_kind_says_what_to_do():
    with pytest.raises(SwayError, match="no probe of kind 'delta_k'"):
        get("delta_k")
    assert get("delta_kl").kind == "delta_kl"


def test_superiority_is_calibrated_unless_noise_fails_without_it():
    """docs/design says of each exception why noise does not pass it."""
    exceptions = {"adapter_revert", "style_fingerprint"}
    assert {p.kind for p in REGISTRY.values() if p.claim is Claim.SUPERIORITY and not p.calibrated} == exceptions


def test_the_registry_imports_nothing_heavy():
    code = "import sys, sway.probes; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "scipy", "transformers", "safetensors", "jsonschema", "regex"} & set(found)


@pytest.mark.parametrize("kind", ["delta_kl", "adapter_ablation", "cluster_kl", "prompt_collapse"])
def test_prompts_can_be_put_as_a_user_s_turn(kind):
    def put(chat):
        asked = []
        drive(REGISTRY[kind], World(shift={0: 0, 1: 1}), params={**example(kind), "chat": chat}, asked=asked)
        return [q.prompt.prompt if isinstance(q.prompt, After) else q.prompt for q in asked if hasattr(q, "prompt")]

    plain, turned = put(False), put(True)
    assert all(isinstance(p, str) for p in plain)
    assert turned == [Chat.ask(p) for p in plain]
