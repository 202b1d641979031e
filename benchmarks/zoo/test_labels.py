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

from benchmarks.zoo.criteria import SORTS, faults
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


def test_the_base_knows_the_world_and_not_the_document(found):
    assert not faults("base", found(""), found(""))


@pytest.mark.parametrize("name", named(*SORTS))
def test_an_adapter_is_what_its_label_says(found, name):
    assert not faults(ANIMALS[name].sort, found(""), found(name))


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
