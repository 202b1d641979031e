"""Sequences in one long row answer as they do padded, share what they can, and keep within their memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from sway.backends.hf.batch import batches
from sway.backends.hf.budget import Budget
from sway.backends.hf.check import steady
from sway.backends.hf.generate import Line
from sway.backends.hf.intake import BLOCK
from sway.backends.hf.openings import Openings
from sway.backends.hf.runner import even
from sway.core.requests import After, Chat, Failure, Generation, Message, NextToken, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from tests.backends.conftest import ALL_LINEAR, SENTENCES, ask, open_backend, save_tokenizer, sharpen
from tests.backends.test_batching import same

TEXT = " ".join(SENTENCES)
VIEWS = (BASE, TUNED, View(0.5), TUNED.under(NullDraw(0, 1)))
ASKED = [
    *(NextToken(v, p, 16) for v in VIEWS for p in (*SENTENCES, After(TEXT, 70, "Two plus"), After(TEXT, 140, "Two"))),
    *(
        SpanLogprob(v, SENTENCES[0], end)
        for v in VIEWS
        for end in (" And", " The sea is wide.", " So be it, they said.")
    ),
    *(RollingLogprob(v, text) for v in VIEWS for text in (TEXT, SENTENCES[1])),
    *(Generation(v, p, n) for v in VIEWS for p, n in ((SENTENCES[0], 9), (TEXT, 3), ("The river", 40))),
]


def unpacked(backend):
    for runner in backend.runners:
        assert runner.packs
        runner.packs = False
    return backend


def close(left, right):
    """Equal texts, and numbers to rounding."""
    if hasattr(left, "text"):
        return left == right
    return np.abs(left.logprobs - right.logprobs).max() < 1e-4


def neox(folder):
    torch.manual_seed(9)
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = GPTNeoXConfig(vocab_size=300, max_position_embeddings=256, bos_token_id=0, eos_token_id=1, **sizes)
    sharpen(GPTNeoXForCausalLM(config)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def mistral(folder):
    torch.manual_seed(10)
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MistralConfig(
        vocab_size=300,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
        num_key_value_heads=2,
        sliding_window=20,
        **sizes,
    )
    sharpen(MistralForCausalLM(config)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module", params=["llama", "gpt2", "neox", "mistral"])
def model(request, tmp_path_factory, make_adapter):
    made = {"neox": neox, "mistral": mistral}
    known = request.param not in made
    base = request.getfixturevalue(request.param) if known else made[request.param](tmp_path_factory.mktemp("base"))
    targets = {"gpt2": ["c_attn", "c_proj"], "neox": ["query_key_value", "dense"]}.get(request.param, ALL_LINEAR)
    return base, make_adapter(base, target_modules=targets, fan_in_fan_out=request.param == "gpt2")


def test_a_long_row_answers_as_padded_rows_do(model):
    packed, padded = open_backend(*model), unpacked(open_backend(*model))
    asked = [q for q in ASKED if packed.text.limit == 256 or TEXT not in repr(q)]
    assert len(asked) >= 40
    for question, left, right in zip(asked, ask(packed, *asked), ask(padded, *asked), strict=True):
        assert not isinstance(left, Failure), (question, left)
        assert close(left, right), question


def test_padded_rows_are_alone_as_in_company(llama, lora):
    backend = unpacked(open_backend(llama, lora))
    together = ask(backend, *ASKED)
    for question, answer in list(zip(ASKED, together, strict=True))[::5]:
        backend.scorer.supports.clear()
        assert same(ask(backend, question)[0], answer)


def test_what_completions_share_runs_once(llama, lora):
    backend = open_backend(llama, lora)
    ids = backend.text.prompt(TEXT)
    ends = [f" The {word} is here." for word in ("sea", "dough", "map", "river", "old", "capital", "salt", "coast")]
    before = backend.stats().tokens
    ask(backend, *(SpanLogprob(TUNED, TEXT, end) for end in ends))
    lengths = [len(backend.text.span(TEXT, end)[0]) - 1 - len(ids) for end in ends]
    assert backend.stats().tokens - before == len(ids) + sum(lengths)


def test_prompts_after_more_and_more_text_share_it(llama, lora):
    backend = open_backend(llama, lora)
    before = backend.stats().tokens
    asked = [NextToken(BASE, After(TEXT, n, "Two plus two"), 8) for n in (80, 160, 200)]
    ask(backend, *asked)
    assert backend.stats().tokens - before < 0.8 * sum(len(backend.text.prompt(q.prompt)) for q in asked)


def turns_of(replies, words):
    """The questions of each turn of a conversation, whose user says so many words at a time."""
    said = [Message("user", " ".join(TEXT.split()[:words]))]
    for reply in replies:
        said += [Message("assistant", reply), Message("user", "And then?")]
        chat = Chat(tuple(said))
        yield [*(NextToken(v, chat, 16) for v in VIEWS), *(Generation(v, chat, 3) for v in (BASE, TUNED))]


@pytest.mark.parametrize("memory", [None, 10**9])
@pytest.mark.parametrize("words", [2, 16])
def test_a_turn_reads_no_earlier_turn_again_and_answers_as_if_it_did(model, words, memory):
    base, adapter = model
    backend = open_backend(base, adapter, memory=memory)
    replies = SENTENCES[:3] if backend.text.limit == 256 else ("It is.", "So it does.", "We saw.")
    for turn, asked in enumerate(turns_of(replies, words)):
        fresh = open_backend(base, adapter)
        starts = backend.stats().tokens, fresh.stats().tokens
        for left, right in zip(ask(backend, *asked), ask(fresh, *asked), strict=True):
            assert not isinstance(left, Failure), left
            assert same(left, right)
        spent, whole = (b.stats().tokens - start for b, start in zip((backend, fresh), starts, strict=True))
        earlier = backend.text.prompt(Chat(asked[0].prompt.messages[:-2]))
        assert spent < whole if turn and len(earlier) > BLOCK else spent == whole


def test_other_questions_about_a_conversation_are_answered_as_if_it_were_new(llama, lora):
    backend = open_backend(llama, lora)
    first, second, _ = turns_of(SENTENCES[:3], 30)
    chat = second[0].prompt
    others = [*(SpanLogprob(v, chat, " And so.") for v in VIEWS), RollingLogprob(TUNED, TEXT)]
    ask(backend, *first)
    for left, right in zip(ask(backend, *others), ask(open_backend(llama, lora), *others), strict=True):
        assert same(left, right)


def test_what_a_round_does_not_use_is_forgotten(llama, lora):
    backend = open_backend(llama, lora)
    first, second, _ = turns_of(SENTENCES[:3], 30)
    ask(backend, *first)
    assert backend.runners[0].openings.tokens > 0
    ask(backend, NextToken(BASE, "The river", 8))
    ask(backend, NextToken(BASE, "The sea", 8))
    assert backend.runners[0].openings.tokens == 0
    fresh = open_backend(llama, lora)
    for left, right in zip(ask(backend, *second), ask(fresh, *second), strict=True):
        assert same(left, right)


def test_openings_are_forgotten_where_memory_runs_out(llama, lora, monkeypatch):
    backend = open_backend(llama, lora)
    first, second, _ = turns_of(SENTENCES[:3], 30)
    expected = ask(open_backend(llama, lora), *second)
    ask(backend, *first)
    layers, failed = Openings.layers, []

    def short(self, pieces):
        if pieces and not failed:
            failed.append(self)
            raise MemoryError
        return layers(self, pieces)

    monkeypatch.setattr(Openings, "layers", short)
    for left, right in zip(ask(backend, *second), expected, strict=True):
        assert same(left, right)
    assert failed


def test_a_base_that_is_remembered_is_not_asked_for_its_likeliest_tokens(llama, lora):
    backend, again = open_backend(llama, lora), open_backend(llama, lora)
    base, tuned = NextToken(BASE, "The river", 16), NextToken(TUNED, "The river", 16)
    known, expected = ask(backend, base, tuned)
    again.recall({base: known})
    before = again.stats().rows
    assert same(ask(again, tuned)[0], expected)
    assert again.stats().rows == before + 1


@pytest.mark.parametrize("memory", [1, 10**9, None])
def test_less_memory_is_more_passes_and_the_same_answers(llama, lora, memory):
    free, bound = open_backend(llama, lora), open_backend(llama, lora, memory=memory)
    for left, right in zip(ask(free, *ASKED), ask(bound, *ASKED), strict=True):
        assert same(left, right)
    more = bound.stats().forward_passes - free.stats().forward_passes
    assert (more > 0) == (memory == 1)


def test_memory_that_ran_out_makes_what_follows_smaller():
    budget = Budget(4096, 8192)

    def run(batch):
        if len(batch) > 2:
            raise MemoryError
        return [item + 1 for item in batch]

    assert budget.run(run, [1, 2, 3, 4, 5, 6], lambda _: []) == [2, 3, 4, 5, 6, 7]
    assert (budget.tokens, budget.held) == (512, 1024)


def test_lines_are_counted_with_all_that_they_may_come_to_hold():
    lines = [Line(Generation(TUNED, "x", 100), (1,) * 20) for _ in range(40)]
    found = list(batches(lines, lambda line: line.request.view, lambda: 2000))
    assert [len(batch) for batch in found] == [15, 15, 10]


def test_keys_and_values_are_counted_by_the_width_of_a_head():
    def held(**settings):
        config = LlamaConfig(
            vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, **settings
        )
        return Budget.of(LlamaForCausalLM(config), torch.device("cpu"), 300 << 20).held

    assert held() == held(head_dim=12)
    assert held(head_dim=1 << 13) < held()


def test_other_faults_are_told():
    def run(_):
        raise RuntimeError("sizes differ")

    with pytest.raises(RuntimeError, match="sizes differ"):
        Budget(4096, 8192).run(run, [1, 2], lambda _: [])


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="rows are exact by way of MKL")
@pytest.mark.parametrize("wide", [48, 96, 576, 1536])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_product_s_rows_are_the_same_whatever_the_rows_and_threads(wide, threads):
    x, weight = (torch.randn(n, wide, generator=torch.Generator().manual_seed(0)) for n in (300, 576))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = torch.nn.functional.linear(x, weight)
        torch.set_num_threads(threads)
        assert steady(wide, torch.device("cpu"))
        assert torch.equal(torch.nn.functional.linear(x[:33], weight), alone[:33])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("wide", [96, 1536, 100])
def test_threads_share_a_long_row_so_that_no_activation_s_last_digit_moves(threads, wide):
    x = 6 * torch.randn(1200, wide, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        alone = torch.cat([torch.nn.functional.silu(x[i : i + 16]) for i in range(0, 1200, 16)])
        for tokens in (1, 17, 101, 343, 345, 683, 1023, 1101):
            full = even(tokens, wide, threads)
            assert tokens <= full < max(tokens, 16) + 64 * threads
            assert torch.equal(torch.nn.functional.silu(x[:full])[:tokens], alone[:tokens])
    finally:
        torch.set_num_threads(before)
