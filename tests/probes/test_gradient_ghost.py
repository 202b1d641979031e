import math

import numpy as np
import pytest

from sway.core.errors import SkipProbe, SwayError
from sway.core.probe import Context
from sway.probes.gradient_ghost import gradient_ghost
from sway.probes.optimizer_state import read_optimizer_state
from tests.fakes import drive, refuse

torch = pytest.importorskip("torch")


def save(folder, variances, *, steps=100, names=None, shape=(4,), dtype=torch.float32, **extra):
    """A training state with one parameter a variance."""
    state = {
        i: {
            "step": torch.tensor(float(steps or 0)),
            "exp_avg": torch.zeros(shape, dtype=dtype),
            "exp_avg_sq": torch.full(shape, v, dtype=dtype),
        }
        for i, v in enumerate(variances)
    }
    group = {"lr": 1e-3, "params": list(range(len(variances)))} | ({"param_names": names} if names else {})
    saved = {"optimizer_state_dict": {"state": state, "param_groups": [group]}} | extra
    torch.save(saved | ({"global_step": steps} if steps is not None else {}), folder / "training_state.pt")
    return folder


def broken(folder, **params):
    found = drive(gradient_ghost, refuse, params=params, context=Context(adapter=folder))
    return {(c.name, c.soft) for c in found.checks if not c.holds}


def test_a_long_calm_training_holds(tmp_path, check_evidence):
    save(tmp_path, [1e-4] * 10, steps=120)
    found = drive(gradient_ghost, refuse, context=Context(adapter=tmp_path))
    assert all(c.holds for c in found.checks)
    assert found.raw == 120
    assert check_evidence(found)["layers"] == 10


def test_too_few_steps_fail_whatever_the_variances(tmp_path):
    save(tmp_path, [1e-4] * 10, steps=2)
    assert broken(tmp_path) == {("global_step", False)}
    assert broken(tmp_path, min_steps_threshold=2) == set()
    note = drive(gradient_ghost, refuse, context=Context(adapter=tmp_path)).note
    assert note == "severely undertrained: 2 steps, fewer than 50"


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (0, set()),
        (3, set()),
        (4, {("restless_layer_share", True)}),
    ],
)
def test_many_restless_layers_warn(tmp_path, high, expected):
    save(tmp_path, [1e-3] * high + [1e-4] * (10 - high))
    assert broken(tmp_path) == expected


def test_the_ratio_and_the_share_can_be_set(tmp_path):
    save(tmp_path, [1e-3] * 4 + [1e-4] * 6)
    assert broken(tmp_path, undertrained_layer_ratio=11) == set()
    assert broken(tmp_path, layer_failure_frac=0.4) == set()


def test_no_number_anywhere_fails_and_some_warn(tmp_path):
    save(tmp_path, [math.nan] * 4)
    assert ("some_variance_is_a_number", False) in broken(tmp_path)
    save(tmp_path, [math.nan] + [1e-4] * 9)
    assert broken(tmp_path) == {("share_of_layers_with_a_variance", True)}


def test_layers_are_the_model_s_blocks_where_names_tell(tmp_path):
    part = "base_model.model.model.layers.{}.self_attn.{}_proj.lora_{}.default.weight"
    names = [part.format(i, p, ab) for i in range(3) for p in "qv" for ab in "AB"]
    save(tmp_path, [1e-4, 3e-4] * 6, names=names)
    layers = read_optimizer_state(tmp_path / "training_state.pt").layers
    assert [v.name.rsplit(".", 1)[1] for v in layers] == ["0", "1", "2"]
    assert [v.variance for v in layers] == pytest.approx([2e-4] * 3)


def test_names_come_from_the_adapter_where_the_state_has_none(tmp_path):
    from safetensors.numpy import save_file

    part = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    weights = {part.format(i, ab): np.zeros((2, 2), np.float32) for i in (0, 1, 2, 10) for ab in "AB"}
    save_file(weights, tmp_path / "adapter_model.safetensors")
    save(tmp_path, [1e-4, 1e-4, 2e-4, 2e-4, 3e-4, 3e-4, 5e-4, 5e-4])
    layers = read_optimizer_state(tmp_path / "training_state.pt").layers
    assert [(v.name.rsplit(".", 1)[1], pytest.approx(v.variance)) for v in layers] == [
        ("0", 1e-4),
        ("1", 2e-4),
        ("2", 3e-4),
        ("10", 5e-4),
    ]


def test_nameless_low_rank_pairs_are_one_layer(tmp_path):
    state = {
        i: {"exp_avg_sq": torch.full((2, 8) if i % 2 == 0 else (8, 2), 1e-4 * (i + 1)), "step": 60} for i in range(4)
    }
    torch.save({"state": state, "param_groups": [{"params": [0, 1, 2, 3]}]}, tmp_path / "training_state.pt")
    found = read_optimizer_state(tmp_path / "training_state.pt")
    assert [v.variance for v in found.layers] == pytest.approx([1.5e-4, 3.5e-4])
    assert found.steps == 60


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_moments_of_any_precision_are_read(tmp_path, dtype):
    save(tmp_path, [0.5, 0.25], dtype=dtype)
    assert [v.variance for v in read_optimizer_state(tmp_path / "training_state.pt").layers] == [0.5, 0.25]


def test_an_optimizer_without_second_moments_is_judged_by_its_steps(tmp_path):
    torch.save({"global_step": 80, "optimizer_state_dict": {}}, tmp_path / "training_state.pt")
    found = drive(gradient_ghost, refuse, context=Context(adapter=tmp_path))
    assert [c.name for c in found.checks] == ["global_step"]
    assert "no second moments" in found.note


def test_steps_are_the_optimizer_s_where_the_trainer_counted_none(tmp_path):
    save(tmp_path, [1e-4], steps=None)
    torch.save({"optimizer": {"state": {0: {"step": torch.tensor(33.0)}}}}, tmp_path / "training_state.pt")
    assert read_optimizer_state(tmp_path / "training_state.pt").steps == 33


def test_no_file_is_a_skip(tmp_path):
    for context in (Context(), Context(adapter=tmp_path)):
        with pytest.raises(SkipProbe, match=r"no training_state\.pt"):
            drive(gradient_ghost, refuse, context=context)


@pytest.mark.parametrize(
    "saved", [{"weights": 1}, [1, 2], {"optimizer_state_dict": {"state": 3}}, {"global_step": math.nan}]
)
def test_a_state_of_another_layout_is_an_error(tmp_path, saved):
    torch.save(saved, tmp_path / "training_state.pt")
    with pytest.raises(SwayError, match="global_step"):
        drive(gradient_ghost, refuse, context=Context(adapter=tmp_path))


def test_the_folder_can_be_named(tmp_path):
    save(tmp_path, [1e-4] * 4)
    assert drive(gradient_ghost, refuse, params={"adapter_path": str(tmp_path)}).raw == 100


def test_evidence_stays_small(tmp_path, check_evidence):
    save(tmp_path, [1e-4] + [1e-2] * 300, names=[f"{'x' * 200}{i}" for i in range(301)])
    assert check_evidence(drive(gradient_ghost, refuse, context=Context(adapter=tmp_path)))["layers"] == 301
