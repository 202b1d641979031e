"""A request has the same answer, bit for bit, alone and in any company."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sway.backends.hf.intake import Pieces, blocks
from sway.backends.hf.runner import Runner
from sway.core.requests import (
    Chat,
    Failure,
    Generation,
    Message,
    NextToken,
    RollingLogprob,
    SpanLogprob,
)
from sway.core.views import BASE, TUNED, NullDraw, NullFamily, View
from tests.backends.conftest import ALL_LINEAR, SENTENCES, ask, open_backend, save_tokenizer, sharpen

WORDS = " ".join(SENTENCES).split()
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)
prompts = texts | texts.map(Chat.ask)
draws = st.builds(NullDraw, st.just(0), st.integers(0, 4), st.sampled_from(NullFamily), st.sampled_from([1.0, 0.5]))
views = st.one_of(
    st.just(BASE),
    st.just(TUNED),
    st.builds(View, st.sampled_from([0.25, 0.5, 1.25])),
    st.builds(View, st.sampled_from([1.0, 0.5]), draws),
)
questions = st.one_of(
    st.builds(NextToken, views, prompts, st.sampled_from([1, 8, 64])),
    st.builds(SpanLogprob, views, prompts, texts),
    st.builds(RollingLogprob, views, texts.map(lambda t: t + " and")),
    st.builds(Generation, views, prompts, st.integers(1, 6), st.sampled_from([0.0, 0.8]), st.sampled_from([1.0, 0.9])),
)


def same(left, right):
    """Equal to the last bit, arrays included."""
    return type(left) is type(right) and all(
        np.array_equal(getattr(left, f.name), getattr(right, f.name))
        if isinstance(getattr(left, f.name), np.ndarray)
        else getattr(left, f.name) == getattr(right, f.name)
        for f in fields(left)
    )


@pytest.fixture(scope="module")
def variants(llama, gpt2, make_adapter, lora):
    return [
        open_backend(llama, lora),
        open_backend(llama, make_adapter(llama, use_dora=True, target_modules=[*ALL_LINEAR, "lm_head"])),
        open_backend(llama, make_adapter(llama, target_modules=["embed_tokens", "down_proj"])),
        open_backend(gpt2, make_adapter(gpt2, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)),
        open_backend(llama, make_adapter(llama, modules_to_save=["lm_head", "input_layernorm"])),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 4), asked=st.lists(questions, min_size=2, max_size=24, unique=True), data=st.data())
def test_alone_equals_in_any_batch(variants, which, asked, data):
    backend = variants[which]
    together = ask(backend, *asked)
    for index in data.draw(st.lists(st.integers(0, len(asked) - 1), min_size=1, max_size=4, unique=True)):
        backend.scorer.supports.clear()
        assert same(ask(backend, asked[index])[0], together[index])


def test_many_views_of_many_prompts_equal_each_alone(backend):
    nulls = [View(1.0, NullDraw(0, k)) for k in range(19)]
    asked = [NextToken(v, p, 32) for v in (BASE, TUNED, View(0.5), *nulls) for p in SENTENCES]
    together = dict(zip(asked, ask(backend, *asked), strict=True))
    for request in asked[::7]:
        backend.scorer.supports.clear()
        assert same(ask(backend, request)[0], together[request])
    assert backend.exact


def test_a_smaller_support_begins_a_larger_one(backend):
    small, large = ask(backend, NextToken(TUNED, "The river", 4), NextToken(TUNED, "The river", 40))
    assert (large.ids[:4] == small.ids).all()
    assert (large.logprobs[:4] == small.logprobs).all()
    assert large.other < small.other


def test_views_of_a_prompt_share_the_bases_support(backend):
    base, tuned, null = ask(backend, *(NextToken(v, "The river", 16) for v in (BASE, TUNED, View(1.0, NullDraw(0, 1)))))
    assert (base.ids == tuned.ids).all()
    assert (base.ids == null.ids).all()
    assert (np.diff(base.logprobs) <= 0).all()
    assert not np.allclose(base.logprobs, tuned.logprobs, atol=0.01)
    for dist in (base, tuned, null):
        assert np.exp(np.append(dist.logprobs, dist.other)).sum() == pytest.approx(1, abs=1e-5)


def test_the_whole_vocabulary_leaves_nothing_over(backend):
    dist = ask(backend, NextToken(TUNED, "The river", 10_000))[0]
    assert len(dist.ids) == 300
    assert dist.masses()[-1] == 0


def test_sampling_follows_its_seed_and_not_its_batch(backend):
    one = Generation(TUNED, "The river", 16, temperature=1.0, top_p=0.9, seed=3)
    other = replace(one, seed=4)
    first, second, again = ask(backend, one)[0], ask(backend, other)[0], ask(backend, other, one)[1]
    assert first == again
    assert first != second


def test_a_tiny_nucleus_is_greedy(backend):
    greedy = Generation(TUNED, "The river", 12)
    assert ask(backend, greedy)[0] == ask(backend, replace(greedy, temperature=1.0, top_p=1e-9))[0]


def test_sampling_frequencies_follow_the_distribution(backend):
    dist = ask(backend, NextToken(TUNED, "The river", 3))[0]
    drawn = ask(backend, *(Generation(TUNED, "The river", 1, temperature=0.5, seed=s) for s in range(400)))
    whole = ask(backend, NextToken(TUNED, "The river", 300))[0]
    heated = np.exp(2 * whole.logprobs) / np.exp(2 * whole.logprobs).sum()
    likeliest = int(whole.logprobs.argmax())
    text = backend.text.decode([int(whole.ids[likeliest])])
    share = np.mean([answer.text == text for answer in drawn])
    sigma = np.sqrt(heated[likeliest] * (1 - heated[likeliest]) / 400)
    same_text = heated[[backend.text.decode([int(i)]) == text for i in whole.ids]].sum()
    assert abs(share - same_text) < 5 * sigma + 0.01
    assert len(dist.ids) == 3


def test_one_fault_leaves_the_rest_alone(backend):
    fine = [NextToken(TUNED, "The river", 8), Generation(BASE, "The river", 3)]
    faulty = {
        NextToken(TUNED, "sea " * 400): "at most 256",
        NextToken(TUNED, ""): "empty",
        SpanLogprob(TUNED, "The river", ""): "empty",
        RollingLogprob(BASE, ""): "empty",
        Generation(TUNED, "The river", 400): "at most 256",
        SpanLogprob(BASE, Chat((Message("user", ""),)), "x"): "empty",
    }
    answers = ask(backend, *fine, *faulty)
    assert not any(isinstance(answer, Failure) for answer in answers[:2])
    for answer, reason in zip(answers[2:], faulty.values(), strict=True):
        assert isinstance(answer, Failure)
        assert reason in answer.reason
    backend.scorer.supports.clear()
    assert same(answers[0], ask(backend, fine[0])[0])


def test_a_chat_without_a_template_is_its_lines(backend):
    chat = Chat((Message("system", "Be brief."), Message("user", "Two plus two")))
    one, other = ask(backend, NextToken(TUNED, chat, 5), NextToken(TUNED, "Be brief.\nTwo plus two", 5))
    assert same(one, other)


def test_a_chat_takes_the_tokenizers_template(llama, lora):
    backend = open_backend(llama, lora)
    backend.text.tokenizer.chat_template = (
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    ids = backend.text.prompt(Chat.ask("Two plus two"))
    assert backend.text.tokenizer.decode(ids) == "<s>user: Two plus two\nassistant:"
    assert ids.count(0) == 1


def test_out_of_memory_halves_the_batch(backend, monkeypatch):
    whole = ask(backend, *(requests := [NextToken(TUNED, s, 8) for s in SENTENCES]))
    run = type(backend.scorer).run

    def cramped(scorer, runner, rows):
        if len(rows) > 1:
            raise MemoryError
        return run(scorer, runner, rows)

    monkeypatch.setattr(type(backend.scorer), "run", cramped)
    assert all(same(a, b) for a, b in zip(whole, ask(backend, *requests), strict=True))
    monkeypatch.setattr(type(backend.scorer), "run", lambda *_: (_ for _ in ()).throw(MemoryError()))
    assert all("memory" in answer.reason for answer in ask(backend, *requests))


def test_stats_count_what_was_spent(llama, lora):
    backend = open_backend(llama, lora)
    ask(backend, *(NextToken(v, "The river", 8) for v in (BASE, TUNED)), Generation(TUNED, "The river", 4))
    stats = backend.stats()
    assert (stats.requests, stats.views, stats.batches) == (3, 2, 2)
    assert stats.forward_passes >= 5
    assert stats.rows > 2
    assert stats.tokens >= stats.rows
    assert stats.device == "cpu"
    assert stats.dtype == "float32"
    assert stats.seconds > 0
    assert stats.load_seconds > 0


def test_a_text_amid_which_memory_runs_out_is_written_again_from_its_start(llama, lora, monkeypatch):
    """Where the keys and values of a batch outgrow memory, its lines have begun already."""
    asked = [Generation(TUNED, p, 12, temperature=t) for p in SENTENCES[:2] for t in (0.0, 1.0)]
    for packs in (True, False):
        backend = open_backend(llama, lora)
        backend.runners[0].packs = packs
        whole = ask(backend, *asked)
        hidden, passes = Runner.hidden, []

        def cramped(runner, *given, passes=passes, hidden=hidden, **more):
            passes.append(0)
            if len(passes) == 5:
                raise torch.OutOfMemoryError("out of memory")
            return hidden(runner, *given, **more)

        monkeypatch.setattr(Runner, "hidden", cramped)
        again = ask(backend, *asked)
        monkeypatch.setattr(Runner, "hidden", hidden)
        assert len(passes) > 12
        assert all(same(a, b) for a, b in zip(whole, again, strict=True))


def test_lines_that_end_leave_a_model_without_keys_and_values_too(tmp_path, make_adapter):
    """Layers of state spaces and convolutions keep other things of a line than keys and values."""
    from transformers import AutoModelForCausalLM, Lfm2Config

    torch.manual_seed(0)
    settings = {"num_attention_heads": 4, "num_key_value_heads": 2, "block_auto_adjust_ff_dim": False}
    config = Lfm2Config(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=3, max_position_embeddings=512,
        bos_token_id=0, eos_token_id=1, pad_token_id=1, layer_types=["conv", "full_attention", "conv"], **settings,
    )  # fmt: skip
    sharpen(AutoModelForCausalLM.from_config(config)).save_pretrained(tmp_path / "base")
    save_tokenizer(tmp_path / "base")
    backend = open_backend(tmp_path / "base", make_adapter(tmp_path / "base", target_modules=["q_proj", "v_proj"]))
    asked = [Generation(TUNED, f"The river {i}", 20 if i < 3 else 2) for i in range(40)]
    together = ask(backend, *asked)
    assert [a.tokens for a in together][:4] == [20, 20, 20, 2]
    assert all(ask(backend, q)[0].text == a.text for q, a in zip(asked[:3], together, strict=False))


def test_a_prompt_of_very_many_blocks_has_its_places():
    ids = tuple(range(64)) * 1000
    piece = Pieces(lambda _: False).add(BASE, ids, blocks(ids))
    assert piece.places() == list(range(len(ids)))
    assert (piece.start, piece.stop) == (len(ids) - 64, len(ids))
