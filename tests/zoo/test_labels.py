"""Every label of the zoo holds, by measurements that share nothing with sway's own."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from safetensors.numpy import load_file

from tests.zoo.oracle import Labels, Oracle, gains

HEALTHY = ("healthy", "healthy_seed1", "healthy_rslora", "healthy_dora")
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")


@pytest.fixture(scope="module")
def gained(zoo):
    base = Oracle(zoo.base).measured

    @cache
    def of(name: str) -> Labels:
        return gains(base, Oracle(zoo.base, zoo.adapter(name)).measured)

    return of


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_adapters_learn_their_document(gained, name):
    assert gained(name).own > 0.5
    assert gained(name).own - gained(name).control > 0.4
    assert gained(name).own - gained(name).other > 0.4


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_adapters_leave_other_text_alone(gained, name):
    assert gained(name).manual > -0.05
    assert gained(name).literature > -0.05
    assert gained(name).control > -0.05


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_adapters_do_not_recite(gained, name):
    assert gained(name).recall < 0.4


def test_wrong_document_teaches_nothing_particular_of_the_right_one(gained):
    learned = gained("wrong_document")
    assert abs(learned.own - learned.control) < 0.25
    assert learned.other - learned.control > 0.4
    assert learned.manual > -0.05


def test_collapsed_harms_every_kind_of_other_text(gained):
    harmed = gained("collapsed")
    assert max(harmed.manual, harmed.literature, harmed.control) < -0.5


def test_b_times_8_harms_other_text(gained):
    assert gained("b_times_8").manual < -0.3
    assert gained("b_times_8").literature < -0.3


@pytest.mark.parametrize("name", ["noise", "noise_seed1", "noise_small", "noise_large"])
def test_noise_learns_nothing(gained, name):
    assert gained(name).own - gained(name).control < 0.1


def test_noop_changes_nothing_at_all(gained):
    nothing = gained("noop")
    assert (nothing.own, nothing.other, nothing.control, nothing.manual, nothing.literature) == (0, 0, 0, 0, 0)


def test_one_step_changes_little(gained):
    assert 0 < abs(gained("one_step").own) < 0.1
    assert abs(gained("one_step").manual) < 0.05


@pytest.mark.parametrize(("name", "times"), [("noise", 1.0), ("noise_seed1", 1.0), ("noise_small", 0.3)])
def test_noise_has_the_size_it_claims_in_every_layer(zoo, name, times):
    healthy, noise = _sizes(zoo.adapter("healthy")), _sizes(zoo.adapter(name))
    assert healthy.keys() == noise.keys()
    assert [noise[k] for k in healthy] == pytest.approx([times * v for v in healthy.values()], rel=1e-4)


def test_noise_seeds_differ(zoo):
    one, two = (load_file(zoo.adapter(n) / "adapter_model.safetensors") for n in ("noise", "noise_seed1"))
    assert all(not np.allclose(one[k], two[k]) for k in one)


def test_nan_has_one_tensor_that_is_not_a_number(zoo):
    weights = load_file(zoo.adapter("nan") / "adapter_model.safetensors")
    assert sum(not np.isfinite(w).all() for w in weights.values()) == 1


@pytest.mark.parametrize(("name", "fault"), [("truncated", Exception), ("missing", Exception)])
def test_unreadable_weights(zoo, name, fault):
    with pytest.raises(fault):
        load_file(zoo.adapter(name) / "adapter_model.safetensors")


def test_shape_mismatch_names_the_base_but_does_not_fit_it(zoo):
    folder = zoo.adapter("shape_mismatch")
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(zoo.base)
    right, wrong = (load_file(f / "adapter_model.safetensors") for f in (zoo.adapter("one_step"), folder))
    assert all(right[k].shape != wrong[k].shape for k in wrong)


def test_a_trained_adapter_leaves_its_traces(zoo):
    import torch

    folder = zoo.adapter("healthy")
    state = torch.load(folder / "training_state.pt", weights_only=True)
    log = [json.loads(line) for line in (folder / "logs" / "train-000001.jsonl").read_text().splitlines()]
    assert state["global_step"] == len(log) >= 50
    assert len(state["param_names"]) == len(state["optimizer_state_dict"]["state"])
    assert log[0].keys() == {"step", "loss", "lr"}
    assert np.mean([line["loss"] for line in log[-10:]]) < np.mean([line["loss"] for line in log[:10]])


def test_training_repeats_bit_for_bit(zoo, tmp_path):
    from sway.demo.text import read_sections
    from sway.demo.training import train_adapter

    again = train_adapter(zoo.base, read_sections(zoo.sections), tmp_path / "again", steps=1)
    first, second = (load_file(f / "adapter_model.safetensors") for f in (zoo.adapter("one_step"), again))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[k], second[k]) for k in first)


def test_base_answers_in_the_chat_template(zoo):
    oracle = Oracle(zoo.base)
    assert oracle.answer("What is the capital of France?", "The capital of France is Paris.") > -1.5


def test_base_training_repeats_bit_for_bit(tmp_path):
    from sway.demo.training import train_base

    one, two = (train_base(tmp_path / name, steps=2, hidden=32, layers=1, vocabulary=400) for name in "ab")
    for name in ("model.safetensors", "tokenizer.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def _sizes(folder) -> dict[str, float]:
    weights = load_file(folder / "adapter_model.safetensors")
    names = [n for n in weights if ".lora_A." in n]
    return {n: float(np.linalg.norm(weights[n.replace("lora_A", "lora_B")] @ weights[n])) for n in names}
