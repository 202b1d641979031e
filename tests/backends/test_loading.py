"""What is refused before or while loading, each with one line."""

import json
import os
import random
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import load_file, save_file

from sway.backends import build
from sway.backends.hf.load import physical_cores, set_threads, token_limit
from sway.backends.interface import Backend
from sway.core.errors import AdapterError, BackendError, MissingExtraError, PreflightError, SwayError
from sway.core.model import ModelSpec
from sway.core.requests import Failure, NextToken, RollingLogprob
from sway.core.results import Determinism
from sway.core.views import BASE, TUNED
from tests.backends.conftest import ask, make_llama, open_backend, save_tokenizer


def refused(kind, base, adapter=None, spec=None, **options):
    given = ModelSpec(base=str(base), **(spec or {}))
    with pytest.raises(kind) as error:
        build(given, given.model_copy(update={"adapter": adapter and str(adapter)}), threads=2, **options)
    text = str(error.value)
    assert "\n" not in text
    assert error.value.mend
    return text


@pytest.fixture
def no_models(monkeypatch):
    """Fail if a model is loaded: what the files tell must be told first."""

    def loaded(*_args, **_kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sway.backends.hf.backend.load", loaded)


def copy(folder, target):
    shutil.copytree(folder, target)
    return target


def edit_tensors(folder, change):
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def test_the_backend_is_one(backend):
    assert isinstance(backend, Backend)
    backend.preflight()


def test_a_narrower_base_is_told_from_the_headers(tmp_path, lora, no_models):
    wide = make_llama(tmp_path / "wide", **{"rms_norm_eps": 1e-6})
    config = json.loads((wide / "config.json").read_text())
    assert config["hidden_size"] == 48
    adapter = edit_tensors(
        copy(lora, tmp_path / "adapter"),
        lambda t: t.update({k: torch.zeros(4, 32) for k in t if k.endswith("0.self_attn.q_proj.lora_A.weight")}),
    )
    text = refused(AdapterError, wide, adapter)
    assert "model.layers.0.self_attn.q_proj is 32 wide" in text
    assert "48 wide" in text


def test_a_missing_module_is_told_from_the_headers(tmp_path, gpt2, lora, no_models):
    assert "which" in refused(AdapterError, gpt2, lora)
    assert "model.layers.0" in refused(AdapterError, gpt2, lora)


def test_gpt2_fits_although_its_files_leave_out_a_prefix(gpt2, make_adapter, tmp_path):
    adapter = make_adapter(gpt2, target_modules=["c_attn"], fan_in_fan_out=True)
    base = copy(gpt2, tmp_path / "stripped")
    tensors = load_file(base / "model.safetensors")
    save_file({k.removeprefix("transformer."): v for k, v in tensors.items()}, base / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    answers = [ask(open_backend(each, adapter), RollingLogprob(TUNED, "The river rises"))[0] for each in (gpt2, base)]
    assert (answers[0].logprobs == answers[1].logprobs).all()


def test_another_hub_base_is_refused(edit_config, lora, no_models):
    adapter = edit_config(lora, base_model_name_or_path="org/small-model")
    assert "trained on org/small-model; this base is other/large-model" in refused(
        AdapterError, "other/large-model", adapter
    )


@pytest.mark.parametrize("base", ["mirror/small-model", "org/Small-Model-bnb-4bit", "org/small-model-unsloth-bnb-4bit"])
def test_a_copy_of_the_base_is_the_same_base(edit_config, lora, base, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    adapter = edit_config(lora, base_model_name_or_path="org/small-model")
    assert "cannot be loaded" in refused(BackendError, base, adapter)


def test_a_targeted_embeddings_copy_must_be_the_bases(llama, make_adapter, tmp_path):
    adapter = make_adapter(llama, target_modules=["embed_tokens"])
    assert any("base_layer" in k for k in load_file(adapter / "adapter_model.safetensors"))
    edit_tensors(adapter, lambda t: [v.add_(0.5) for k, v in t.items() if "base_layer" in k])
    assert "weights differ" in refused(AdapterError, llama, adapter)


def test_a_resized_vocabulary_is_refused(llama, make_adapter, no_models):
    adapter = make_adapter(llama)
    edit_tensors(adapter, lambda t: t.update({"base_model.model.lm_head.weight": torch.zeros(310, 48)}))
    assert "lm_head" in refused(AdapterError, llama, adapter)


def test_whole_embeddings_that_were_saved_unasked_take_effect(llama, make_adapter):
    adapter = make_adapter(llama)
    head = load_file(llama / "model.safetensors")["lm_head.weight"]
    plain = ask(open_backend(llama, adapter), RollingLogprob(TUNED, "The river rises"))[0]
    edit_tensors(adapter, lambda t: t.update({"base_model.model.lm_head.weight": head.clone()}))
    equal = ask(open_backend(llama, adapter), RollingLogprob(TUNED, "The river rises"))[0]
    edit_tensors(adapter, lambda t: t.update({"base_model.model.lm_head.weight": head * 1.5}))
    other = ask(open_backend(llama, adapter), RollingLogprob(TUNED, "The river rises"))[0]
    assert np.allclose(plain.logprobs, equal.logprobs, atol=1e-5)
    assert np.abs(plain.logprobs - other.logprobs).max() > 0.1


@pytest.mark.parametrize("base", ["/no/such/folder", "org/no-such-model"])
def test_a_missing_base(base, lora, edit_config, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    text = refused(BackendError, base, edit_config(lora, base_model_name_or_path=None))
    assert text.startswith(f"{base}: the base model cannot be loaded")


def test_pickled_base_weights_are_not_opened(tmp_path, llama, lora):
    base = copy(llama, tmp_path / "base")
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    assert "safetensors" in refused(BackendError, base, lora)


def test_a_truncated_base(tmp_path, llama, lora):
    base = copy(llama, tmp_path / "base")
    data = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(data[:1000])
    assert "not a whole safetensors file" in refused(BackendError, base, lora)


def test_what_the_spec_must_give(llama, lora):
    assert "no adapter" in refused(BackendError, llama)
    with pytest.raises(BackendError, match="bases differ"):
        build(ModelSpec(base="one/model"), ModelSpec(base="two/model", adapter=str(lora)))
    assert "no device nonsense" in refused(BackendError, llama, lora, {"device": "nonsense"})
    if not torch.cuda.is_available():
        assert "has no cuda" in refused(BackendError, llama, lora, {"device": "cuda"})


def test_a_missing_library_names_the_extra(llama, lora, monkeypatch):
    monkeypatch.setattr("sway.core.errors.find_spec", lambda name: None)
    assert "dlm-sway[hf]" in refused(MissingExtraError, llama, lora)


class Custom:
    def __init__(self, base, tuned):
        self.models = (base, tuned)

    identity = refusal = preflight = answer = determinism = stats = close = lambda self, *_: None


def broken(base, tuned):
    raise RuntimeError("no\nluck")


def test_a_spec_runs_no_code_of_its_choice_unless_allowed(monkeypatch):
    monkeypatch.delenv("SWAY_ALLOW_CUSTOM", raising=False)
    spec = ModelSpec(kind="custom", base="x", adapter="y", entry_point="os:abort")
    with pytest.raises(BackendError, match="SWAY_ALLOW_CUSTOM=1"):
        build(spec, spec)


def test_custom_backends(monkeypatch):
    monkeypatch.setenv("SWAY_ALLOW_CUSTOM", "1")
    spec = ModelSpec(kind="custom", base="x", adapter="y", entry_point=f"{__name__}:Custom")
    assert build(spec, spec).models == (spec, spec)
    for entry, expected in {
        f"{__name__}:Nothing": "AttributeError",
        "no.such.module:C": "ModuleNotFoundError",
        f"{__name__}:broken": "RuntimeError",
        "operator:is_": "not a backend",
        "os": "names no class",
    }.items():
        with pytest.raises(BackendError) as error:
            build(spec, spec.model_copy(update={"entry_point": entry}))
        assert expected in str(error.value)


def test_nan_in_the_adapter_is_found_before_loading(tmp_path, llama, lora, no_models):
    adapter = edit_tensors(copy(lora, tmp_path / "a"), lambda t: next(iter(t.values())).fill_(float("nan")))
    assert "not finite" in refused(PreflightError, llama, adapter)


def poisoned(tmp_path, llama, value):
    base = copy(llama, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][:] = value
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    return base


def test_nan_in_the_base_is_found_by_preflight(tmp_path, llama, lora):
    backend = open_backend(poisoned(tmp_path, llama, float("nan")), lora)
    with pytest.raises(PreflightError, match="base model's output is not finite"):
        backend.preflight()
    for answer in ask(backend, NextToken(TUNED, "The river"), RollingLogprob(BASE, "The river")):
        assert isinstance(answer, Failure)
        assert "not finite" in answer.reason


def test_an_overflowing_adapter_is_found_by_preflight(tmp_path, llama, lora):
    adapter = edit_tensors(copy(lora, tmp_path / "a"), lambda t: [v.fill_(1e38) for v in t.values()])
    backend = open_backend(llama, adapter)
    with pytest.raises(PreflightError, match="tuned model's output is not finite"):
        backend.preflight()
    base, tuned = ask(backend, NextToken(BASE, "The river", 4), NextToken(TUNED, "The river", 4))
    assert not isinstance(base, Failure)
    assert isinstance(tuned, Failure)


def test_bf16_runs_near_fp32(llama, lora):
    spec = ModelSpec(base=str(llama), dtype="bf16")
    half = build(spec, spec.model_copy(update={"adapter": str(lora)}), threads=2)
    full = open_backend(llama, lora)
    assert half.stats().dtype == "bfloat16"
    request = RollingLogprob(TUNED, "The river rises in the hills")
    gap = np.abs(ask(half, request)[0].logprobs - ask(full, request)[0].logprobs).max()
    assert 0 < gap < 0.5


def test_determinism_seeds_everything(backend):
    draws = []
    for _ in range(2):
        report = backend.determinism(11)
        draws.append((random.random(), np.random.random(), float(torch.rand(1))))
    assert draws[0] == draws[1]
    assert report.achieved is Determinism.BEST_EFFORT
    assert report.seed == 11
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    torch.use_deterministic_algorithms(False)


def test_a_host_whose_rows_depend_on_their_batch_is_a_class_lower(llama, lora):
    backend = open_backend(llama, lora)
    backend.exact = False
    report = backend.determinism(0)
    torch.use_deterministic_algorithms(False)
    assert report.achieved is Determinism.LOOSE
    assert report.notes


def test_identity_is_content(tmp_path, llama, lora, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    backend = open_backend(llama, lora)
    first = backend.identity()
    assert (first.base_id, first.adapter_id) == (str(llama), str(lora))
    assert len(first.base_digest) == len(first.adapter_digest) == 64
    memo = tmp_path / "cache" / "dlm-sway" / "digests.json"
    assert json.loads(memo.read_text())
    memo.write_text("{torn")
    assert backend.identity() == first
    moved = open_backend(copy(llama, tmp_path / "moved"), lora).identity()
    assert moved.base_digest == first.base_digest
    changed = poisoned(tmp_path, llama, 0.5)
    assert open_backend(changed, lora).identity().base_digest != first.base_digest


def test_a_closed_backend_still_tells_what_it_spent(llama, lora):
    backend = open_backend(llama, lora)
    ask(backend, NextToken(TUNED, "The river", 4))
    spent = backend.stats()
    backend.close()
    assert backend.stats() == spent


def test_every_error_is_a_sway_error():
    assert issubclass(AdapterError, SwayError)
    assert issubclass(MissingExtraError, BackendError)


def test_threads_are_set_stated_or_the_cores(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert set_threads(None) == 1
    assert set_threads(2) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert set_threads(None) == physical_cores() >= 1
    torch.set_num_threads(before)


def test_a_module_of_several_inputs_that_was_saved_whole_is_refused(llama, make_adapter):
    adapter = make_adapter(llama, target_modules=["up_proj"], modules_to_save=["self_attn"])
    spec = ModelSpec(base=str(llama))
    with pytest.raises(SwayError, match="self_attn takes more than one input"):
        build(spec, spec.model_copy(update={"adapter": str(adapter)}), threads=2).preflight()


@pytest.mark.parametrize("key", ["rope_parameters", "rope_scaling"])
def test_where_one_long_text_would_change_all_beside_it_texts_are_short(key):
    rope = {"rope_type": "longrope", "original_max_position_embeddings": 4096}
    config = type("Config", (), {"max_position_embeddings": 131072, key: rope})()
    assert token_limit(config) == 4096
    config = type("Config", (), {"max_position_embeddings": 131072, key: {**rope, "rope_type": "yarn"}})()
    assert token_limit(config) == 131072


def test_a_language_model_within_another_is_asked_for_its_modules_once_it_is_loaded(tmp_path):
    """Its modules' names are others than those of its stored tensors."""
    from transformers import AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration

    text = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8}
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256}
    config = Gemma3Config(
        text_config={**text, **heads}, vision_config={**vision, "image_size": 28, "patch_size": 14},
        boi_token_index=290, eoi_token_index=291, image_token_index=292, mm_tokens_per_image=4,
    )  # fmt: skip
    torch.manual_seed(0)
    base = tmp_path / "base"
    Gemma3ForConditionalGeneration(config).save_pretrained(base)
    save_tokenizer(base)
    names = [n for n, _ in AutoModelForCausalLM.from_pretrained(base).named_modules() if n.endswith("self_attn.q_proj")]
    language = [n for n in names if "language" in n or "vision" not in n]

    def adapter(folder, module):
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
        rng = np.random.default_rng(0)
        shapes = {"A": (2, 32), "B": (32, 2)}
        weights = {f"base_model.model.{module}.lora_{k}.weight": rng.normal(size=s) for k, s in shapes.items()}
        save_numpy({k: v.astype("f4") for k, v in weights.items()}, folder / "adapter_model.safetensors")
        return folder

    assert ask(open_backend(base, adapter(tmp_path / "ad", language[0])), NextToken(TUNED, "The river", 4))[0].ids.size
    assert "does not have" in refused(
        AdapterError, base, adapter(tmp_path / "other", "model.layers.9.self_attn.q_proj")
    )
