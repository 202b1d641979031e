from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from sway.demo.variants import WEIGHTS, frobenius, noise_adapter, noop_adapter

LAYERS = {"base_model.model.layers.0.q_proj": (8, 6), "base_model.model.layers.1.up_proj": (20, 8)}
RANK = 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(5)
    weights = {}
    for name, (out, into) in LAYERS.items():
        weights[f"{name}.lora_A.weight"] = rng.normal(size=(RANK, into)).astype(np.float32)
        weights[f"{name}.lora_B.weight"] = rng.normal(size=(out, RANK)).astype(np.float32)
    weights["base_model.model.lm_head.weight"] = np.ones((2, 2), np.float32)
    save_file(weights, folder / WEIGHTS)
    (folder / "adapter_config.json").write_text('{"r": 3}')
    (folder / "training_state.pt").write_bytes(b"state")
    return folder


def sizes(folder):
    weights = load_file(folder / WEIGHTS)
    return [frobenius(weights[f"{n}.lora_A.weight"], weights[f"{n}.lora_B.weight"]) for n in LAYERS]


@pytest.mark.parametrize("norm", [0.1, 1.0, 7.5])
def test_noise_has_norm_times_the_trained_size(trained, tmp_path, norm):
    noise = noise_adapter(trained, tmp_path, seed=0, norm=norm)
    assert sizes(noise) == pytest.approx([norm * s for s in sizes(trained)], rel=1e-5)


def test_noise_follows_its_seed(trained, tmp_path):
    first, again, other = (
        load_file(noise_adapter(trained, tmp_path / str(i), seed=s) / WEIGHTS) for i, s in enumerate([4, 4, 5])
    )
    factors = [n for n in first if "lora" in n]
    assert all(np.array_equal(first[n], again[n]) for n in factors)
    assert not any(np.array_equal(first[n], other[n]) for n in factors)


def test_noise_keeps_settings_and_other_weights_but_no_traces_of_training(trained, tmp_path):
    noise = noise_adapter(trained, tmp_path, seed=0)
    assert sorted(p.name for p in noise.iterdir()) == ["adapter_config.json", WEIGHTS]
    assert np.array_equal(load_file(noise / WEIGHTS)["base_model.model.lm_head.weight"], np.ones((2, 2)))


def test_noop_adds_nothing_and_keeps_a(trained, tmp_path):
    noop = noop_adapter(trained, tmp_path)
    assert sizes(noop) == [0, 0]
    before, after = load_file(trained / WEIGHTS), load_file(noop / WEIGHTS)
    assert all(np.array_equal(before[n], after[n]) for n in before if "lora_B" not in n)


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.floats(-100, 100), st.integers(0, 99))
def test_frobenius_scales_with_either_factor(rank, into, out, factor, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rank, into)), rng.normal(size=(out, rank))
    assert frobenius(factor * a, b) == pytest.approx(abs(factor) * frobenius(a, b), abs=1e-9)
    assert frobenius(a, factor * b) == pytest.approx(frobenius(factor * a, b), abs=1e-9)
