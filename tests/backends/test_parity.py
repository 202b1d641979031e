"""Views answer as peft and transformers do, to rounding."""

import warnings

import numpy as np
import pytest
import torch

from sway.core.requests import Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, View
from tests.backends.conftest import ALL_LINEAR, ask, open_backend

TEXT = "The river rises in the hills and runs slowly to the sea. Two plus two is four."
CLOSE = 1e-4

KINDS = {
    "lora": {"target_modules": ALL_LINEAR},
    "rslora": {"use_rslora": True, "r": 9},
    "dora": {"use_dora": True, "target_modules": ALL_LINEAR},
    "patterns": {
        "target_modules": ALL_LINEAR,
        "rank_pattern": {"q_proj": 2, r"model\.layers\.1\.mlp\.down_proj": 7, "layers.0.self_attn.k_proj": 3},
        "alpha_pattern": {"v_proj": 32, r".*\.1\..*o_proj": 1},
    },
    "rslora_patterns": {"use_rslora": True, "rank_pattern": {"v_proj": 9}, "alpha_pattern": {"q_proj": 3}},
    "saved_head": {"modules_to_save": ["lm_head"]},
    "saved_norm": {"modules_to_save": ["input_layernorm", "model.norm"]},
    "saved_embedding": {"modules_to_save": ["embed_tokens"]},
    "saved_block": {"modules_to_save": ["mlp"]},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
    "embedding_dora": {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True},
    "head": {"target_modules": ["lm_head", "q_proj"]},
    "head_dora": {"target_modules": ["lm_head", "q_proj"], "use_dora": True},
    "embedding_and_head": {"target_modules": ["embed_tokens", "lm_head"]},
    "all_linear": {"target_modules": "all-linear", "layers_to_transform": None},
    "some_layers": {"target_modules": ["q_proj"], "layers_to_transform": [1]},
    "lora_bias": {"lora_bias": True},
    "orthogonal": {"init_lora_weights": "orthogonal"},
}
TIED = ["lora", "saved_head", "saved_embedding", "embedding", "head", "embedding_and_head"]
CONV = {
    "conv1d": {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True},
    "conv1d_dora": {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True, "use_dora": True},
    "positions": {"target_modules": ["wpe", "wte"]},
    "saved_conv": {"target_modules": ["c_fc"], "modules_to_save": ["c_attn", "ln_f"], "fan_in_fan_out": True},
}


def reference(base, adapter=None, scale=1.0):
    """The model as transformers and peft run it, with every LoRA scaling multiplied by `scale`."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(base)
        if adapter is None:
            return model.eval()
        model = PeftModel.from_pretrained(model, adapter).eval()
    for module in model.modules():
        if isinstance(getattr(module, "scaling", None), dict):
            module.scaling = {name: value * scale for name, value in module.scaling.items()}
    return model


def logprobs(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1).double().numpy()


def assert_agrees(backend, view, model):
    ids = backend.text.rolling(TEXT)
    expected = logprobs(model, ids)
    taken = expected[np.arange(len(ids) - 1), ids[1:]]
    rolling, dist = ask(backend, RollingLogprob(view, TEXT), NextToken(view, TEXT, 40))
    assert np.abs(rolling.logprobs - taken).max() <= CLOSE
    assert (rolling.greedy == (expected[:-1].argmax(-1) == ids[1:])).all()
    assert np.abs(dist.logprobs - expected[-1][dist.ids]).max() <= CLOSE
    rest = np.delete(expected[-1], dist.ids)
    assert dist.other == pytest.approx(np.logaddexp.reduce(rest), abs=CLOSE)
    assert [name for name, _ in dist.top] == [backend.text.token(i) for i in np.argsort(-expected[-1])[:5]]


@pytest.mark.parametrize("kind", KINDS)
def test_tuned_view_is_pefts(llama, make_adapter, kind):
    adapter = make_adapter(llama, name=kind, **KINDS[kind])
    backend = open_backend(llama, adapter)
    assert_agrees(backend, TUNED, reference(llama, adapter))
    assert_agrees(backend, BASE, reference(llama))


@pytest.mark.parametrize("kind", TIED)
def test_tied_embeddings(tied_llama, make_adapter, kind):
    adapter = make_adapter(tied_llama, name=kind, **KINDS[kind])
    backend = open_backend(tied_llama, adapter)
    assert_agrees(backend, TUNED, reference(tied_llama, adapter))
    assert_agrees(backend, BASE, reference(tied_llama))


@pytest.mark.parametrize("kind", CONV)
def test_conv1d_layers(gpt2, make_adapter, kind):
    adapter = make_adapter(gpt2, name=kind, **CONV[kind])
    backend = open_backend(gpt2, adapter)
    assert_agrees(backend, TUNED, reference(gpt2, adapter))
    assert_agrees(backend, BASE, reference(gpt2))


@pytest.mark.parametrize("scale", [-1.0, 0.25, 0.5, 1.25])
def test_a_scaled_view_scales_pefts_update(llama, lora, backend, scale):
    assert_agrees(backend, View(scale), reference(llama, lora, scale))


@pytest.mark.parametrize("kind", ["dora", "saved_head", "saved_norm", "embedding"])
def test_scaled_views_start_at_the_base_and_pass_the_tuned(llama, make_adapter, kind):
    backend = open_backend(llama, make_adapter(llama, name=kind, **KINDS[kind]))
    base, near, tuned, almost = (
        answer.logprobs for answer in ask(backend, *(RollingLogprob(View(s), TEXT) for s in (0.0, 1e-4, 1.0, 0.9999)))
    )
    assert 0 < np.abs(near - base).max() < 0.01 < np.abs(tuned - base).max()
    assert 0 < np.abs(almost - tuned).max() < 0.01


def test_a_saved_head_scales_linearly_in_its_logits(llama, make_adapter):
    backend = open_backend(llama, make_adapter(llama, **(KINDS["saved_head"] | {"size": 0.0})))
    ids = backend.text.prompt(TEXT)
    with torch.no_grad():
        tuned = reference(llama, backend.adapter.folder)(torch.tensor([ids])).logits[0, -1]
        mixed = 0.3 * tuned + 0.7 * reference(llama)(torch.tensor([ids])).logits[0, -1]
    expected = torch.log_softmax(mixed, -1).double().numpy()
    dist = ask(backend, NextToken(View(0.3), TEXT, 50))[0]
    assert np.abs(dist.logprobs - expected[dist.ids]).max() <= CLOSE


@pytest.mark.parametrize("kind", ["lora", "dora", "saved_embedding"])
def test_two_models_answer_as_one(llama, make_adapter, kind):
    adapter = make_adapter(llama, name=kind, **KINDS[kind])
    requests = [NextToken(v, TEXT, 20) for v in (BASE, TUNED, View(0.5))]
    requests += [Generation(v, "Two plus two", 6) for v in (BASE, TUNED)]
    one, two = (ask(open_backend(llama, adapter, differential=d), *requests) for d in (True, False))
    for left, right in zip(one[:3], two[:3], strict=True):
        assert (left.ids == right.ids).all()
        assert (left.logprobs == right.logprobs).all()
    assert one[3:] == two[3:]


@pytest.mark.parametrize("view", [BASE, TUNED])
def test_greedy_generation_is_transformers(llama, lora, backend, view):
    model = reference(llama, None if view.is_base else lora)
    for prompt in ("The river", "A baker mixes flour, water and salt, and waits"):
        ids = torch.tensor([backend.text.prompt(prompt)])
        with torch.no_grad():
            made = model.generate(input_ids=ids, max_new_tokens=20, do_sample=False, pad_token_id=1)[0, ids.shape[1] :]
        answer = ask(backend, Generation(view, prompt, 20))[0]
        kept = [int(t) for t in made if int(t) != 1]
        assert answer.text == backend.text.decode(kept)
        assert answer.finished == (int(made[-1]) == 1)


def test_span_scores_the_completion_alone(llama, backend):
    prompt, completion = "The river rises", " in the hills"
    ids, first = backend.text.span(prompt, completion)
    expected = logprobs(reference(llama), ids)[np.arange(first - 1, len(ids) - 1), ids[first:]]
    score = ask(backend, SpanLogprob(BASE, prompt, completion))[0]
    assert np.abs(score.logprobs - expected).max() <= CLOSE
    assert backend.text.decode(list(ids[first:])) == completion
    assert score.tokens == len(ids) - first
