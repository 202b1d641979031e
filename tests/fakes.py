"""Stand-ins for a model, and a driver that answers a probe's questions."""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sway.core.errors import SkipProbe
from sway.core.measurement import Measurement
from sway.core.probe import Context, Probe
from sway.core.requests import (
    After,
    Answer,
    Answers,
    Chat,
    Embed,
    Embedding,
    Failure,
    Generated,
    Generation,
    NextToken,
    Prompt,
    Request,
    RollingLogprob,
    SpanLogprob,
    SpanScore,
    TokenDist,
)
from sway.core.sections import QA, Preference, Section, SectionKind
from sway.core.views import NullDraw, View

Answering = Callable[[Request[Any]], Answer | Failure]


def drive(
    probe: Probe,
    answer: Answering,
    *,
    params: Mapping[str, Any] | None = None,
    context: Context | None = None,
    draw: NullDraw | None = None,
    asked: list[Request[Any]] | None = None,
) -> Measurement:
    """Run a probe to its measurement. `draw` puts a null in the adapter's place; `asked` collects the questions."""
    asking = probe.run(probe.params(**(params or {})), context or Context())
    found: dict[Request[Any], Answer | Failure] = {}
    answers: Answers | None = None
    while True:
        try:
            questions = asking.send(answers)
        except StopIteration as stop:
            return stop.value
        real = [q.under(draw) if draw else q for q in questions]
        if asked is not None:
            asked += real
        found |= {q: answer(q) for q in real}
        answers = Answers(found, draw)


CASES = Path(__file__).parent / "cases"


def required(probe: Probe) -> dict[str, Any]:
    """What a spec must give a probe, as its first case gives it."""
    names = [name for name, field in probe.params.model_fields.items() if field.is_required()]
    if not names:
        return {}
    case = yaml.safe_load((CASES / f"{probe.kind}.yml").read_text(encoding="utf-8"))[0]
    return {name: case["params"][name] for name in names}


def refuse(request: Request[Any]) -> Answer:
    """An answerer for probes that must ask nothing."""
    raise AssertionError(f"asked {request}")


def distribution(shift: float, tokens: int = 8) -> TokenDist:
    """Uniform over `tokens` and the rest, but for one token whose logit is `shift` higher."""
    logits = np.zeros(tokens + 1)
    logits[0] = shift
    logprobs = logits - np.log(np.exp(logits).sum())
    order = np.argsort(-logprobs[:-1], kind="stable")
    top = tuple((f"t{i}", float(logprobs[i])) for i in order[:5])
    return TokenDist(np.arange(tokens), logprobs[:-1], float(logprobs[-1]), top)


def jitter(*parts: object) -> float:
    """A number from -1 to 1 that depends on `parts` alone."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**63 - 1


def last_message(prompt: Prompt) -> str:
    """The text that a prompt ends with."""
    if isinstance(prompt, After):
        return last_message(prompt.prompt)
    return prompt.messages[-1].content if isinstance(prompt, Chat) else prompt


def bag_of_words(text: str, size: int = 64) -> Embedding:
    """An embedding (size,) in which texts that share words are close."""
    vector = np.full(size, 1e-6)
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % size] += 1.0
    return Embedding(vector / np.linalg.norm(vector))


@dataclass(frozen=True)
class World:
    """A made-up model and adapter.

    `shift` gives how far the next token moves at each multiple of the adapter, `spread` how much that
    varies over prompts (a share). The base gives any text `level` nats a token. Texts that hold one of
    `own` gain `own_lift` nats a token, others `other_lift`, give or take `noise`. The first `recall[...]`
    of a completion's 20 tokens are greedy: "base" for the base, "tuned" after an opening in `openings`,
    "changed" after any other.

    The next token's shift is multiplied by `own_shift` on prompts that hold one of `own`, halves with every
    `fade` tokens of context and with every `turn_fade` user turns after the first. `says` lists what the
    "base", the "tuned" model and a "null" reply (a null as the tuned model where it has no list); a reply is
    chosen by the prompt, and {prompt} in it stands for the last message. Embeddings are bags of words, if `embeds`;
    without, who asks for one is skipped.
    """

    shift: Mapping[float, float] = field(default_factory=lambda: {0.0: 0.0, 1.0: 0.0})
    spread: float = 0.1
    own: tuple[str, ...] = ()
    own_lift: float = 0.0
    other_lift: float = 0.0
    noise: float = 0.0
    level: float = -3.0
    recall: Mapping[str, float] = field(default_factory=dict)
    openings: tuple[str, ...] = ()
    own_shift: float = 1.0
    fade: float = math.inf
    turn_fade: float = math.inf
    says: Mapping[str, Sequence[str]] = field(default_factory=dict)
    embeds: bool = True

    def __call__(self, request: Request[Any]) -> Answer:
        """The answer to any question."""
        if isinstance(request, NextToken):
            points = sorted(self.shift.items())
            shift = float(np.interp(request.view.scale, [x for x, _ in points], [y for _, y in points]))
            return distribution(shift * self._strength(request.prompt) * (1 + self.spread * jitter(request.prompt)))
        if isinstance(request, Generation):
            return self._reply(request)
        if isinstance(request, Embed):
            if not self.embeds:
                raise SkipProbe("there is no sentence model")
            return bag_of_words(request.text)
        if isinstance(request, RollingLogprob):
            return self._score(request.view, request.text, 0.0)
        assert isinstance(request, SpanLogprob)
        text = last_message(request.prompt)
        return self._score(request.view, text + request.completion, self._recall(request.view, text))

    def _strength(self, prompt: Prompt) -> float:
        """How much of the shift a prompt gets."""
        own = self.own_shift if any(mark in last_message(prompt) for mark in self.own) else 1.0
        tokens = prompt.tokens if isinstance(prompt, After) else 0
        turns = sum(m.role == "user" for m in prompt.messages) - 1 if isinstance(prompt, Chat) else 0
        return own * 0.5 ** (tokens / self.fade + turns / self.turn_fade)

    def _reply(self, request: Generation) -> Generated:
        view = request.view
        who = "base" if view.is_base else "null" if view.null and "null" in self.says else "tuned"
        replies = self.says.get(who, ("recited text",))
        prompt = last_message(request.prompt)
        reply = replies[zlib.crc32(prompt.encode()) % len(replies)].replace("{prompt}", prompt)
        return Generated(reply, len(reply.split()), True)

    def _recall(self, view: View, opening: str) -> float:
        if view.is_base:
            return self.recall.get("base", 0.0)
        return self.recall.get("tuned" if opening in self.openings else "changed", 0.0)

    def _score(self, view: View, text: str, recall: float) -> SpanScore:
        mine = any(mark in text for mark in self.own)
        lift = (self.own_lift if mine else self.other_lift) + self.noise * jitter(text)
        level = self.level + 0.3 * jitter("base", text) + (0.0 if view.is_base else view.scale * lift)
        return SpanScore(np.full(20, level), np.arange(20) < round(20 * recall))


def prose(count: int, mark: str = "zorb", length: int = 400) -> tuple[Section, ...]:
    """`count` sections of prose, each of which holds `mark`."""
    filler = "the quiet harbor, the bright market; a small boat must begin to drift. "
    texts = [f"{mark} {i} " + filler * (length // len(filler) + 1) for i in range(count)]
    return tuple(Section(kind=SectionKind.PROSE, content=t[:length], tag=f"s{i}") for i, t in enumerate(texts))


def instruction(count: int, mark: str = "zorb") -> tuple[Section, ...]:
    """`count` sections with one question each."""
    return tuple(
        Section(kind=SectionKind.INSTRUCTION, probes=(QA(prompt=f"What is {mark} {i}?", gold=f"It is number {i}."),))
        for i in range(count)
    )


def preference(count: int, mark: str = "zorb") -> tuple[Section, ...]:
    """`count` sections with one preference each; only the chosen answer holds `mark`."""
    return tuple(
        Section(
            kind=SectionKind.PREFERENCE,
            preferences=(Preference(prompt=f"Say {i}.", chosen=f"{mark} {i}", rejected=f"no {i}"),),
        )
        for i in range(count)
    )
