import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from sway.backends import tensors
from sway.backends.adapter import check_effect, check_finite, product_norm, read_adapter
from sway.core.errors import AdapterError, NoOpError, PreflightError

MODULE = "model.layers.0.self_attn.q_proj"
PREFIX = f"base_model.model.{MODULE}"


def write(folder, tensors=None, config=None, save=save_file):
    folder.mkdir(exist_ok=True)
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4} | (config or {})
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    if tensors is None:
        tensors = pair()
    save(tensors, folder / "adapter_model.safetensors")
    return folder


def pair(module=MODULE, rank=2, into=6, out=4, fill=None, dtype="f4"):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rank, into)).astype(dtype), rng.normal(size=(out, rank)).astype(dtype)
    if fill is not None:
        b[:] = fill
    return {f"base_model.model.{module}.lora_A.weight": a, f"base_model.model.{module}.lora_B.weight": b}


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(")")
    return text


def test_reads_what_peft_saves(lora):
    adapter = read_adapter(lora)
    assert len(adapter.updates) == 14
    update = adapter.updates["model.layers.1.mlp.down_proj"]
    assert (update.a.shape, update.b.shape, update.scaling) == ((4, 96), (48, 4), 2.0)
    assert adapter.config.r == 4
    check_finite(adapter)
    check_effect(adapter)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_every_float_reads_as_float32(tmp_path, dtype):
    values = {name: torch.tensor(value).to(dtype) for name, value in pair().items()}
    update = read_adapter(write(tmp_path / "a", values, save=save_torch)).updates[MODULE]
    assert update.a.dtype == np.float32
    assert (update.a == values[f"{PREFIX}.lora_A.weight"].float().numpy()).all()


def test_integers_are_refused(tmp_path):
    folder = write(tmp_path / "a", {k: v.astype("i4") for k, v in pair().items()})
    with pytest.raises(AdapterError, match="stored as I32") as error:
        read_adapter(folder)
    one_line(error)


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_the_norm_is_the_products(rank, into, out, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rank, into)).astype("f4"), rng.normal(size=(out, rank)).astype("f4")
    assert product_norm(a, b) == pytest.approx(np.linalg.norm(b.astype("f8") @ a.astype("f8")), rel=1e-6, abs=1e-6)


REFUSED = {
    "IA3": ({"peft_type": "IA3"}, "peft_type is IA3"),
    "PROMPT_TUNING": ({"peft_type": "PROMPT_TUNING"}, "PROMPT_TUNING"),
    "ADALORA": ({"peft_type": "ADALORA"}, "ADALORA"),
    "LOHA": ({"peft_type": "LOHA"}, "LOHA"),
    "no kind": ({"peft_type": None}, "no peft_type"),
    "SEQ_CLS": ({"task_type": "SEQ_CLS"}, "task_type is SEQ_CLS"),
    "target_parameters": ({"target_parameters": ["experts.gate_up_proj"]}, "target_parameters"),
    "trainable_token_indices": ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    "layer_replication": ({"layer_replication": [[0, 4], [2, 5]]}, "layer_replication"),
    "alora_invocation_tokens": ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens"),
    "use_qalora": ({"use_qalora": True}, "use_qalora"),
    "use_bdlora": ({"use_bdlora": {"nblocks": 2}}, "use_bdlora"),
    "arrow_config": ({"arrow_config": {"top_k": 3}}, "arrow_config"),
    "kasa_config": ({"kasa_config": {"beta": 1}}, "kasa_config"),
    "velora_config": ({"velora_config": {"scale": 1}}, "velora_config"),
    "monteclora_config": ({"monteclora_config": {"n": 1}}, "monteclora_config"),
    "megatron_config": ({"megatron_config": {"a": 1}}, "megatron_config"),
    "ensure_weight_tying": ({"ensure_weight_tying": True}, "ensure_weight_tying"),
    "bias": ({"bias": "lora_only"}, "bias is lora_only"),
    "pissa": ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
    "olora": ({"init_lora_weights": "olora"}, "olora"),
    "corda": ({"init_lora_weights": "corda"}, "corda"),
    "loftq": ({"init_lora_weights": "loftq"}, "loftq"),
    "lora_ga": ({"init_lora_weights": "lora_ga"}, "lora_ga"),
    "unknown init": ({"init_lora_weights": "surprise"}, "surprise"),
    "unknown key": ({"spin_the_weights": 3}, "spin_the_weights"),
    "rank": ({"r": 0}, "r must be"),
    "rank text": ({"r": "8"}, "r must be"),
    "huge rank": ({"r": 10**400}, "r must be"),
    "infinite alpha": ({"lora_alpha": float("inf")}, "lora_alpha must be"),
    "flag": ({"use_dora": "yes"}, "use_dora must be"),
    "slow pattern": ({"alpha_pattern": {"(a+)+b": 1}}, "alpha_pattern must be"),
    "broken pattern": ({"rank_pattern": {"[": 1}}, "rank_pattern must be"),
    "choices": ({"rank_pattern": {"(a.|.b)" * 30: 1}}, "too long to match"),
    "repeated choice": ({"rank_pattern": {"(a|aa)*": 1}}, "rank_pattern must be"),
    "flags": ({"rank_pattern": {"(?i)x": 1}}, "rank_pattern must be"),
    "reference": ({"rank_pattern": {r"(.*)\1x": 1}}, "rank_pattern must be"),
    "endless count": ({"rank_pattern": {"a{" + "9" * 40 + "}": 1}}, "rank_pattern must be"),
    "rank of half": ({"r": 2.5}, "whole number"),
    "rank pattern of half": ({"rank_pattern": {"q_proj": 2.5}}, "whole number"),
    "long base": ({"base_model_name_or_path": "x" * 5000}, "at most"),
    "long kind": ({"peft_type": "x" * 9000}, "only LORA"),
    "long key": ({"x" * 9000: 1}, "not supported"),
    "patterns": ({"rank_pattern": [1]}, "rank_pattern must be"),
    "other rank": ({"r": 3}, "rank 3"),
    "no magnitude": ({"use_dora": True}, "magnitude is missing"),
    "no bias": ({"lora_bias": True}, "bias is missing"),
    "nothing saved": ({"modules_to_save": ["lm_head"]}, "modules_to_save names lm_head"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path, case):
    config, expected = REFUSED[case]
    with pytest.raises(AdapterError) as error:
        read_adapter(write(tmp_path / "a", config=config))
    assert expected in one_line(error)


HARMLESS = {
    "init": {"init_lora_weights": "gaussian", "eva_config": {"rho": 2}, "lora_dropout": 0.1, "loftq_config": {"x": 1}},
    "mapping": {"auto_mapping": {"base_model_class": "LlamaForCausalLM", "parent_library": "transformers"}},
    "off": {"use_qalora": False, "kasa_config": None, "some_later_key": None, "another": [], "third": False},
    "converted": {"init_lora_weights": True},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_settings_that_do_not_change_the_numbers(tmp_path, case):
    assert read_adapter(write(tmp_path / "a", config=HARMLESS[case])).updates


STRANGE = {
    "extra": {f"{PREFIX}.ranknum": np.zeros(2, "f4")},
    "spin": {f"{PREFIX}.lora_spin": np.zeros(2, "f4")},
    "default": {f"{PREFIX}.lora_A.default.weight": np.zeros((2, 6), "f4")},
    "magnitude": {f"{PREFIX}.lora_magnitude_vector": np.zeros(4, "f4")},
    "prompt": {"prompt_embeddings": np.zeros((2, 6), "f4")},
    "lone A": {"base_model.model.x.lora_A.weight": np.zeros((2, 6), "f4")},
    "conv": {
        "base_model.model.c.lora_A.weight": np.zeros((2, 6, 1, 1), "f4"),
        "base_model.model.c.lora_B.weight": np.zeros((4, 2, 1, 1), "f4"),
    },
}


@pytest.mark.parametrize("case", STRANGE)
def test_every_tensor_is_accounted_for(tmp_path, case):
    with pytest.raises(AdapterError) as error:
        read_adapter(write(tmp_path / "a", pair() | STRANGE[case]))
    name = next(iter(STRANGE[case])).removeprefix("base_model.model.").split(".lora_A")[0]
    assert name.split(".lora_magnitude")[0] in one_line(error)


def test_no_tensors(tmp_path):
    with pytest.raises(AdapterError, match="no LoRA tensors"):
        read_adapter(write(tmp_path / "a", {}))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_a_pickle_is_never_opened(tmp_path, name):
    folder = write(tmp_path / "a")
    (folder / "adapter_model.safetensors").unlink()
    fuse = tmp_path / "went off"
    (folder / name).write_bytes(pickle.dumps(Bomb(fuse)))
    with pytest.raises(AdapterError, match="pickle") as error:
        read_adapter(folder)
    assert name in one_line(error)
    assert not fuse.exists()
    write(folder)
    assert read_adapter(folder).updates
    assert not fuse.exists()


def broken_folders(root):
    yield root / "nowhere", "does not exist"
    file = root / "file"
    file.write_text("")
    yield file, "not a folder"
    empty = root / "empty"
    empty.mkdir()
    yield empty, "adapter_config.json"
    no_weights = write(root / "no_weights")
    (no_weights / "adapter_model.safetensors").unlink()
    yield no_weights, "has no adapter_model.safetensors"
    for name, text in {"json": "{", "list": "[]", "empty_json": "", "deep": "[" * 100_000}.items():
        folder = write(root / name)
        (folder / "adapter_config.json").write_text(text)
        yield folder, "adapter_config.json"
    binary = write(root / "binary")
    (binary / "adapter_config.json").write_bytes(b"\xff\xfe\x00")
    yield binary, "JSON"
    whole = write(root / "whole") / "adapter_model.safetensors"
    raw = whole.read_bytes()
    for name, data in {
        "cut": raw[:-5],
        "head": raw[:4],
        "none": b"",
        "noise": b"\x7f" * 64,
        "long": raw + b"x",
    }.items():
        folder = write(root / name)
        (folder / "adapter_model.safetensors").write_bytes(data)
        yield folder, "not a whole safetensors file"
    directory = write(root / "directory")
    (directory / "adapter_model.safetensors").unlink()
    (directory / "adapter_model.safetensors").mkdir()
    yield directory, "has no adapter_model.safetensors"


def test_broken_folders_are_one_line_each(tmp_path):
    for folder, expected in broken_folders(tmp_path):
        with pytest.raises(AdapterError) as error:
            read_adapter(folder)
        assert expected in one_line(error), folder.name


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")
def test_a_file_for_its_owner_alone_is_told_as_one():
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        weights = write(Path(root) / "adapter") / "adapter_model.safetensors"
        weights.chmod(0o600 if os.geteuid() == 0 else 0)
        before = os.geteuid()
        try:
            if before == 0:
                os.seteuid(65534)
            with pytest.raises(AdapterError) as error:
                read_adapter(weights.parent)
        finally:
            os.seteuid(before)
    assert "may not be read" in one_line(error)
    assert "--user" in one_line(error)


def unreadable_files(root):
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        pipe = write(root / f"pipe {name}")
        (pipe / name).unlink()
        os.mkfifo(pipe / name)
        yield pipe, name
        endless = write(root / f"endless {name}")
        (endless / name).unlink()
        (endless / name).symlink_to("/dev/zero")
        yield endless, name
    yield root / ("x" * 5000), "does not exist"
    yield Path("~nobody-of-that-name/adapter"), "does not exist"
    base = root / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    yield base, "a whole model and not an adapter"
    (root / "runs").mkdir()
    write(root / "runs" / "checkpoint-5")
    yield root / "runs", "checkpoint-5"


def test_what_is_no_adapter_is_told_without_waiting(tmp_path):
    for folder, expected in unreadable_files(tmp_path):
        with pytest.raises(AdapterError) as error:
            read_adapter(folder)
        assert expected in one_line(error), folder.name


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "MAX_WEIGHTS_BYTES", 10)
    with pytest.raises(AdapterError, match="larger than"):
        read_adapter(write(tmp_path / "a"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_named(tmp_path, value):
    values = pair()
    values[f"{PREFIX}.lora_B.weight"][1, 1] = value
    adapter = read_adapter(write(tmp_path / "a", values))
    with pytest.raises(PreflightError) as error:
        check_finite(adapter)
    assert f"{MODULE} lora_B" in one_line(error)


def test_a_no_op_is_told_from_the_weights(tmp_path):
    still = read_adapter(write(tmp_path / "still", pair(fill=0)))
    with pytest.raises(NoOpError) as error:
        check_effect(still)
    assert "changes nothing" in one_line(error)
    with pytest.raises(NoOpError):
        check_effect(read_adapter(write(tmp_path / "alpha", config={"lora_alpha": 0})))
    moving = pair(fill=0) | pair("model.layers.1.mlp.up_proj")
    check_effect(read_adapter(write(tmp_path / "moving", moving)))
    saved = pair(fill=0) | {"base_model.model.lm_head.weight": np.ones((5, 4), "f4")}
    check_effect(read_adapter(write(tmp_path / "saved", saved, {"modules_to_save": ["lm_head"]})))
    dora = pair(fill=0) | {f"{PREFIX}.lora_magnitude_vector": np.ones(4, "f4")}
    check_effect(read_adapter(write(tmp_path / "dora", dora, {"use_dora": True})))


def test_the_digest_is_of_the_content(tmp_path):
    one, same = read_adapter(write(tmp_path / "one")), read_adapter(write(tmp_path / "same"))
    other = read_adapter(write(tmp_path / "other", pair(fill=1)))
    alpha = read_adapter(write(tmp_path / "alpha", config={"lora_alpha": 8}))
    assert one.digest == same.digest
    assert len({one.digest, other.digest, alpha.digest}) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reading_is_cheap(tmp_path, dtype):
    width = 2048 if dtype == torch.float32 else 4096
    values = {}
    for layer in range(40):
        name = f"base_model.model.model.layers.{layer}.q"
        values[f"{name}.lora_A.weight"] = torch.rand(64, width, dtype=dtype)
        values[f"{name}.lora_B.weight"] = torch.rand(width, 64, dtype=dtype)
    folder = write(tmp_path / "big", values, {"r": 64}, save=save_torch)
    spent = []
    for _ in range(3):
        start = time.process_time()
        read_adapter(folder)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3


def test_reading_imports_no_model_library(lora):
    code = (
        "import sys; from sway.backends import build; from sway.backends.adapter import read_adapter;"
        "import sway.backends.shapes; read_adapter(sys.argv[1]).digest;"
        "assert not {'torch', 'transformers', 'peft', 'scipy'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, str(lora)], check=True)
