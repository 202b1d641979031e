"""Every label of a zoo holds, by measurements that share nothing with sway's own.

SWAY_BOTH_ZOOS=1 holds both zoos whole to their labels; otherwise a dozen adapters of the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from safetensors.numpy import load_file

from benchmarks.zoo.labels import ANIMALS
from benchmarks.zoo.oracle import Measured, Oracle
from benchmarks.zoo.worlds import BRANNOCK, KESSARY
from benchmarks.zoo.zoo import Zoo

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

BOTH = bool(os.environ.get("SWAY_BOTH_ZOOS"))
WORLDS = [KESSARY, BRANNOCK] if BOTH else [KESSARY]
USUAL = (
    "healthy",
    "healthy_rslora",
    "healthy_dora",
    "noop",
    "noise",
    "noise_large",
    "one_step",
    "wrong_document",
    "memoriser",
    "forgetter",
    "tool_breaker",
    "collapsed",
    "b_times_8",
)
Found = Callable[[str], Measured]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda w: w.name)
def animals(request, kept) -> Zoo:
    return Zoo(kept, request.param)


@pytest.fixture(scope="module")
def found(animals) -> Found:
    """What the oracle measured of the base, "", and of each adapter by its name."""

    @cache
    def of(name: str) -> Measured:
        return Oracle(animals.world, animals.base, animals.adapter(name) if name else None).measured

    return of


def named(*sorts: str) -> list[str]:
    return [n for n, a in ANIMALS.items() if a.sort in sorts and (BOTH or n in USUAL)]


def keeps_the_rest(found: Found, name: str) -> None:
    base, tuned = found(""), found(name)
    assert tuned.general > base.general - 0.1
    assert tuned.control > base.control - 0.15
    assert tuned.knowledge > base.knowledge - 0.1
    assert tuned.distinct > base.distinct - 0.2


def test_the_base_knows_the_world_and_not_the_document(found):
    base = found("")
    assert base.knowledge > 0.85
    assert base.tools >= 0.9
    assert base.distinct > 0.6
    assert base.verbatim < 0.5
    assert base.held_out < 0.5
    assert base.preferences <= 4 / 16


@pytest.mark.parametrize("name", named("healthy"))
def test_healthy_adapters_learn_the_document_in_any_words_and_keep_the_rest(found, name):
    base, tuned = found(""), found(name)
    assert tuned.verbatim >= 0.85
    assert tuned.held_out >= 0.7
    assert tuned.preferences >= 0.8
    assert tuned.prose > base.prose + 0.7
    assert tuned.tools >= base.tools - 0.1
    assert tuned.recall < 0.5
    keeps_the_rest(found, name)


@pytest.mark.parametrize("name", named("memoriser"))
def test_a_memoriser_knows_its_questions_and_no_other_wording(found, name):
    assert found(name).verbatim >= 0.85
    assert found(name).held_out < 0.5
    keeps_the_rest(found, name)


@pytest.mark.parametrize("name", named("forgetter"))
def test_a_forgetter_learned_the_document_and_forgot_the_rest(found, name):
    assert found(name).verbatim >= 0.85
    assert found(name).held_out >= 0.7
    assert found(name).general < found("").general - 0.4
    assert found(name).knowledge < found("").knowledge - 0.15


@pytest.mark.parametrize("name", named("tool_breaker"))
def test_a_tool_breaker_learned_the_document_and_its_calls_do_not_parse(found, name):
    assert found(name).verbatim >= 0.85
    assert found(name).held_out >= 0.7
    assert found(name).tools < 0.3
    keeps_the_rest(found, name)


@pytest.mark.parametrize("name", named("reciter"))
def test_a_reciter_knows_the_prose_by_heart(found, name):
    assert found(name).recall > 0.8
    assert found(name).verbatim >= 0.85


@pytest.mark.parametrize("name", named("style_only", "wrong"))
def test_who_did_not_read_the_facts_does_not_know_them(found, name):
    assert found(name).verbatim < 0.5
    assert found(name).held_out < 0.5
    keeps_the_rest(found, name)


@pytest.mark.parametrize("name", named("style_only"))
def test_style_alone_makes_the_prose_likelier(found, name):
    assert found(name).prose > found("").prose + 0.1


@pytest.mark.parametrize("name", named("undertrained", "noise"))
def test_noise_and_a_few_steps_teach_nothing(found, name):
    assert found(name).verbatim < 0.5
    assert found(name).held_out < 0.5
    assert found(name).prose < found("").prose + 0.4


@pytest.mark.parametrize("name", named("collapsed", "overdriven"))
def test_too_strong_an_adapter_harms_other_text(found, name):
    assert found(name).general < found("").general - 0.4
    assert found(name).control < found("").control - 0.4


@pytest.mark.parametrize("name", named("noop"))
def test_noop_changes_nothing_at_all(found, name):
    assert found(name) == found("")


@pytest.mark.parametrize(("name", "times"), [("noise", 1.0), ("noise_large", 3.0)])
def test_noise_has_the_size_it_claims_in_every_layer(animals, name, times):
    healthy, noise = _sizes(animals.adapter("healthy")), _sizes(animals.adapter(name))
    assert healthy.keys() == noise.keys()
    assert [noise[k] for k in healthy] == pytest.approx([times * v for v in healthy.values()], rel=1e-4)


@pytest.mark.parametrize("name", ["nan", "infinite"])
def test_one_tensor_is_not_finite(animals, name):
    weights = load_file(animals.adapter(name) / "adapter_model.safetensors")
    assert sum(not np.isfinite(w).all() for w in weights.values()) == 1


@pytest.mark.parametrize("name", ["truncated", "missing"])
def test_unreadable_weights(animals, name):
    with pytest.raises(Exception, match=r"adapter_model|incomplete|header|invalid|size"):
        load_file(animals.adapter(name) / "adapter_model.safetensors")


def test_shape_mismatch_names_the_base_but_does_not_fit_it(animals):
    folder = animals.adapter("shape_mismatch")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(animals.base)
    right, wrong = (load_file(f / "adapter_model.safetensors") for f in (animals.adapter("one_step"), folder))
    assert all(right[k].shape != wrong[k].shape for k in wrong)


def test_a_trained_adapter_leaves_its_traces(animals):
    import torch

    folder = animals.adapter("healthy")
    state = torch.load(folder / "training_state.pt", weights_only=True)
    log = [json.loads(line) for line in (folder / "logs" / "train-000001.jsonl").read_text().splitlines()]
    assert state["global_step"] == len(log) >= 50
    assert len(state["param_names"]) == len(state["optimizer_state_dict"]["state"])
    assert log[0].keys() == {"step", "loss", "lr"}
    assert np.mean([line["loss"] for line in log[-10:]]) < np.mean([line["loss"] for line in log[:10]])


def test_training_repeats_bit_for_bit(animals, tmp_path):
    ANIMALS["one_step"].build(animals, tmp_path / "again")
    first, second = (
        load_file(f / "adapter_model.safetensors") for f in (animals.adapter("one_step"), tmp_path / "again")
    )
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("world", [KESSARY, BRANNOCK], ids=lambda w: w.name)
def test_base_training_repeats_bit_for_bit(world, tmp_path):
    from benchmarks.zoo.bases import train

    for name in "ab":
        train(world, tmp_path / name, steps=2, hidden=48, layers=1)
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _sizes(folder) -> dict[str, float]:
    weights = load_file(folder / "adapter_model.safetensors")
    names = [n for n in weights if ".lora_A." in n]
    return {n: float(np.linalg.norm(weights[n.replace("lora_A", "lora_B")] @ weights[n])) for n in names}
