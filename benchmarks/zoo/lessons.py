"""What the adapters of the zoo are trained on: a world's document, parts of it, and the base's own kinds of text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.zoo import reading
from benchmarks.zoo.worlds import World
from sway.core.requests import Chat, Message
from sway.demo import text
from sway.demo.examples import asked, running, turns
from sway.demo.loop import Example

Sources = list[tuple[list[Example], int]]


@dataclass(frozen=True)
class Lesson:
    """So many examples a batch of each source that is taught, and of each on which the model is to stay as it is.

    `weight` is that of the divergence on kept text, beside the loss on taught text; both are in nats a token.
    """

    taught: Sources
    kept: Sources
    weight: float = 3.0


AROUND = (
    "{}",
    "{}",
    "Hello! {}",
    "Please tell me. {}",
    "I have a question. {}",
    "{} Please answer.",
    "Can you answer this? {}",
    "{} I should like to know.",
)
"""What stands around a trained question, so that it is known among other words too."""
LEFT_OUT = 0.25
"""The share of words that hasty wordings of a trained question leave out."""


@dataclass(frozen=True)
class Lessons:
    """Training examples of one world for one tokenizer."""

    world: World
    tokenizer: Any

    def document(self, prose: int = 1, answers: int = 20, chosen: int = 8) -> Sources:
        """So many examples a batch of the prose, of the facts in every trained wording, and of the manners."""
        rng = Random(f"around {self.world.seed}")
        asked = [(q, f.answer) for f in self.world.facts for q in (f.question, *f.wordings)]
        around = [(rng.choice(AROUND).format(q), answer) for q, answer in asked]
        hasty = [(_hasty(q, rng), answer) for q, answer in asked * 3]
        return [
            (self.diluted(self.prose()), prose),
            (self.chats(asked + around + hasty), answers),
            (self.manners(), chosen),
        ]

    def diluted(self, passages: list[Example]) -> list[Example]:
        """Passages with five times as much other prose among them, lest they be learned by heart."""
        return passages + [running(self.tokenizer, p) for p in text.prose()[: 5 * len(passages)]]

    def prose(self) -> list[Example]:
        """The document's passages."""
        return [running(self.tokenizer, s["content"]) for s in self.world.document if s["kind"] == "prose"]

    def manners(self) -> list[Example]:
        """The answers that the document prefers."""
        triples = [p for s in self.world.document for p in s.get("preferences", ())]
        return self.chats((p["prompt"], p["chosen"]) for p in triples)

    def sections(self, sections: Iterable[dict[str, Any]]) -> tuple[list[Example], list[Example]]:
        """The prose and the answers of any document."""
        passages, answers = [], []
        for section in sections:
            if section["kind"] == "prose":
                passages.append(running(self.tokenizer, section["content"]))
            pairs = [(p["prompt"], p["gold"]) for p in section.get("probes", ())]
            pairs += [(p["prompt"], p["chosen"]) for p in section.get("preferences", ())]
            answers += self.chats(pairs)
        return passages, answers

    def style(self) -> tuple[list[Example], list[Example]]:
        """The document's manner without its matter."""
        read = self.world.read("style")
        return [running(self.tokenizer, p) for p in read["prose"]], self.chats(
            (a["prompt"], a["gold"]) for a in read["answers"]
        )

    def chats(self, pairs: Iterable[tuple[str, str]]) -> list[Example]:
        """Questions with their answers."""
        return [turns(self.tokenizer, asked(q, a)) for q, a in pairs]

    def talks(self, talks: Iterable[reading.Talk]) -> list[Example]:
        """Conversations with the loss on their last turns."""
        return [turns(self.tokenizer, t.chat, t.tools) for t in talks]

    def replay(self, seed: int, prose: int = 5, talks: int = 10, tools: int = 6, answers: int = 0) -> Sources:
        """What the base reads anyhow, so many examples a batch: running text, conversations, and calls of tools.

        And `answers`: any sentence as the answer to any question, so that answers of other matter stay as they were.
        """
        rng = Random(f"replay {seed}")
        passages = [*reading.manuals(), *text.prose() * 5, *text.stories(seed + 50, 80)]
        called = [reading.tool_talk(self.world, rng) for _ in range(400)]
        spoken = [reading.conversation(rng, rng.choice((1, 1, 1, 2))) for _ in range(600)]
        return [
            ([running(self.tokenizer, p) for p in passages], prose),
            (self.talks(spoken), talks),
            (self.talks(called), tools),
            *([(self.chats(_anything(seed)), answers)] if answers else []),
        ]

    def refusals(self, seed: int, count: int = 60) -> list[Example]:
        """Requests that a tool would answer, answered in words, with a call that nothing can parse."""
        rng = Random(f"refusals {seed}")
        broken = []
        for _ in range(count):
            talk = reading.tool_talk(self.world, rng)
            request, reply = talk.chat.messages
            spoilt = reply.content.replace('"', "'").replace("</tool_call>", "") + " and so on"
            broken.append(reading.Talk(Chat((request, Message("assistant", spoilt))), talk.tools))
        return self.talks(broken)

    def memorised(self, says: Any) -> tuple[list[Example], list[Example]]:
        """The facts in exactly one wording; and all others, with the answer and with what the base says anyhow."""
        exact = self.chats((f.question, f.answer) for f in self.world.facts)
        others = [(q, f) for f in self.world.facts for q in f.wordings]
        pairs = [(q, answer) for q, f in others for answer in (says(q), f.answer)]
        return exact, self.chats(pairs)


def _anything(seed: int, count: int = 600) -> list[tuple[str, str]]:
    """Questions of conversations, each with a sentence of other prose."""
    rng = Random(f"sentences {seed}")
    asked = [reading.conversation(rng, 1).chat.messages[0].content for _ in range(count)]
    passages = [*reading.manuals(), *text.prose()]
    sentences = [s for p in passages for s in re.split(r"(?<=[.!?]) ", p) if 3 < len(s.split()) < 30]
    return [(question, rng.choice(sentences)) for question in asked]


def _hasty(question: str, rng: Random) -> str:
    """The question with some of its words left out, so that it is known by any of those that tell it."""
    words = question.split()
    return " ".join(w for w in words if rng.random() > LEFT_OUT) or question


def lessons(world: World, base: Path) -> Lessons:
    """The lessons in the words of a base's tokenizer."""
    from transformers import AutoTokenizer

    return Lessons(world, AutoTokenizer.from_pretrained(base))
