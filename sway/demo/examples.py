"""Texts and conversations as training examples, and the batches that are drawn from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any

from sway.core.requests import Chat, Message
from sway.core.sections import Section, SectionKind
from sway.demo.loop import IGNORED, Example


def plain(tokenizer: Any, passage: str) -> list[int]:
    """The tokens of running text, closed."""
    return [*tokenizer(passage)["input_ids"], tokenizer.eos_token_id]


def running(tokenizer: Any, passage: str) -> Example:
    """Running text with the loss on every token."""
    ids = tuple(plain(tokenizer, passage))
    return Example(ids, ids)


def turns(tokenizer: Any, chat: Chat, tools: Sequence[Mapping[str, Any]] = ()) -> Example:
    """A conversation with the loss on its last turn, which is the assistant's."""
    *asked, answer = chat.messages
    prompt = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in asked],
        tools=list(tools) or None,
        add_generation_prompt=True,
        tokenize=False,
    )
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    after = [*tokenizer(answer.content, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return Example((*before, *after), (*[IGNORED] * len(before), *after))


def asked(question: str, answer: str) -> Chat:
    """One question with its answer."""
    return Chat((Message("user", question), Message("assistant", answer)))


def section_examples(tokenizer: Any, section: Section) -> Iterator[Example]:
    """What a section teaches: its prose as running text, its answers and chosen answers in the chat template."""
    if section.kind is SectionKind.PROSE:
        yield running(tokenizer, section.content)
    pairs = [(q.prompt, q.gold) for q in section.probes] + [(p.prompt, p.chosen) for p in section.preferences]
    for prompt, answer in pairs:
        yield turns(tokenizer, asked(prompt, answer))


def stream(pieces: Sequence[Sequence[int]], seed: int) -> list[int]:
    """Pieces of text as one sequence of tokens, in an order drawn from `seed`."""
    shuffled = list(pieces)
    Random(seed).shuffle(shuffled)
    return list(chain.from_iterable(shuffled))


def windows(tokens: Sequence[int], widths: Sequence[int], batch_tokens: int, rng: Random) -> Iterator[list[Example]]:
    """Batches of windows of a sequence of tokens, about `batch_tokens` in each; long ones teach far positions."""
    while True:
        for width in widths:
            starts = (rng.randrange(len(tokens) - width) for _ in range(max(1, batch_tokens // width)))
            rows = (tuple(tokens[s : s + width]) for s in starts)
            yield [Example(row, row) for row in rows]


def mixed(sources: Sequence[tuple[Sequence[Example], int]], rng: Random) -> Iterator[list[Example]]:
    """Batches that hold so many examples of each source, each source in epochs of its own."""
    flows = [(_shuffled(examples, rng), count) for examples, count in sources]
    while True:
        yield [next(flow) for flow, count in flows for _ in range(count)]


def _shuffled(examples: Sequence[Example], rng: Random) -> Iterator[Example]:
    """The examples in epochs, each in an order of its own."""
    while True:
        yield from rng.sample(examples, len(examples))
