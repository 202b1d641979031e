"""`sway check`: an adapter and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_real_adapter_is_above_noise(zoo, call) -> None:
    ran = call("check", zoo.adapter("healthy"))
    assert ran.code == 0, ran.out
    assert "sigma above noise" in ran.out.splitlines()[-1]
    assert "+ pass   calibration_drift" in ran.out


def test_an_adapter_that_makes_the_model_forget_does_harm(zoo, call) -> None:
    ran = call("check", zoo.adapter("forgetter"))
    assert ran.code == 1
    assert "x fail   calibration_drift" in ran.out
    assert ran.out.splitlines()[-1].endswith("but it does harm")


@pytest.mark.parametrize("name", ["noise", "noise_small"])
def test_noise_is_called_so(zoo, call, name: str) -> None:
    ran = call("check", zoo.adapter(name))
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "verdict: indistinguishable from a null adapter"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("healthy", 0, "gradient_ghost"),
        ("one_step", 1, "global step"),
        ("noop", 1, "exactly zero"),
        ("nan", 3, "not finite"),
        ("missing", 2, "adapter_model.safetensors"),
        ("truncated", 2, "safetensors"),
    ],
)
def test_files_alone_tell_what_files_can(zoo, call, name: str, code: int, said: str) -> None:
    ran = call("check", zoo.adapter(name), "--no-model")
    assert ran.code == code
    assert said in (ran.out + ran.err).replace("global_step", "global step")


def test_an_undertrained_adapter_is_announced_before_the_model_loads(zoo, call) -> None:
    ran = call("check", zoo.adapter("one_step"))
    assert "PRE-RUN ALERT" in ran.out
    assert ran.out.index("PRE-RUN ALERT") < ran.out.index("delta_kl")


def test_prompts_from_a_file_and_bad_files(zoo, call, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("The lamp is lit\n\nThe boat is late\nThe keeper is\n")
    assert call("check", zoo.adapter("healthy"), "--prompts", tmp_path / "p.txt").code in (0, 1)
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for bad in ("none.txt", "empty.txt", "binary.txt"):
        ran = call("check", zoo.adapter("healthy"), "--prompts", tmp_path / bad)
        assert ran.code == 2
        assert bad in ran.err


def test_no_such_folder(call, tmp_path: Path) -> None:
    ran = call("check", tmp_path / "nowhere", "--no-model")
    assert ran.code == 2
    assert "does not exist" in ran.err


@pytest.mark.parametrize(
    ("ranks", "saved", "said"),
    [
        ((4,), 0, "1 module of rank 4, all finite, update norms"),
        ((4, 4), 0, "2 modules of rank 4, all finite"),
        ((4, 2), 1, "2 modules of ranks 2 to 4 and 1 saved module, all finite"),
        ((), 2, "2 saved modules, all finite"),
    ],
)
def test_what_the_weights_hold_is_counted(call, adapter: Path, ranks, saved, said: str) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["rank_pattern"] = {f"layers.{i}.q_proj": rank for i, rank in enumerate(ranks)}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    tensors = {f"base_model.model.{name}.weight": np.ones((4, 4), "f4") for name in ("lm_head", "embed_tokens")[:saved]}
    for i, rank in enumerate(ranks):
        tensors[f"base_model.model.layers.{i}.q_proj.lora_A.weight"] = np.ones((rank, 6), "f4")
        tensors[f"base_model.model.layers.{i}.q_proj.lora_B.weight"] = np.ones((6, rank), "f4")
    save_file(tensors, adapter / "adapter_model.safetensors")
    assert said in call("check", adapter, "--no-model").out


def test_a_pickle_is_left_alone(zoo, call, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(zoo.adapter("healthy"), adapter)
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    ran = call("check", adapter, "--no-model")
    assert ran.code == 2
    assert "pickle" in ran.err


def test_files_alone_are_read_without_torch(zoo) -> None:
    code = (
        "import sys; from sway.cli.exits import handled; from sway.cli.main import cli\n"
        f"args = ['check', {str(zoo.adapter('healthy'))!r}, '--no-model']\n"
        "code = handled(lambda: cli.main(args, standalone_mode=False))\n"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
