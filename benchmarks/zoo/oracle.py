"""What the adapters do, measured with transformers and peft alone; shares no code with sway's own scoring."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from random import Random

import jsonschema
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.zoo import reading
from benchmarks.zoo.specs import tool_cases
from benchmarks.zoo.worlds import World

PASSAGES = Path(__file__).parent / "passages.yaml"
CHOICES, KNOWN_ITEMS, CALLS = 4, 64, 40


@dataclass(frozen=True)
class Measured:
    """Shares of right answers (`verbatim` to `knowledge`, `recall`, `distinct`), and nats a token of texts."""

    verbatim: float
    """The document's facts by multiple choice, asked in the words that were trained."""
    held_out: float
    """The same facts asked in words that no adapter was trained on."""
    preferences: float
    """How often the document's chosen answer is likelier than the rejected."""
    tools: float
    """How often a greedy answer to a request parses as a call that the offered tool's schema accepts."""
    knowledge: float
    """General knowledge by multiple choice."""
    distinct: float
    """Different pairs of words among all pairs of words in greedy answers."""
    recall: float
    """How many of the tokens of the document's prose are the likeliest, after its first 128 characters."""
    prose: float
    """Nats a token of the document's prose."""
    control: float
    """Nats a token of everyday prose and answers."""
    general: float
    """Nats a token of manuals and literature that no model here was trained on."""


class Oracle:
    """A base model and at most one adapter, asked plainly."""

    def __init__(self, world: World, base: Path, adapter: Path | None = None) -> None:
        self.world = world
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        self.model = (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()

    def logprobs(self, prompt: list[int], completion: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each token of `completion` after `prompt`: its log-probability (n,), and whether it is the likeliest."""
        ids = torch.tensor([prompt + completion])
        with torch.inference_mode():
            rows = self.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        target = torch.tensor(completion)
        return rows.gather(1, target[:, None])[:, 0], rows.argmax(-1) == target

    def prose(self, passage: str) -> float:
        """Nats a token of running text after its first token."""
        ids = self.tokenizer(passage)["input_ids"][:1024]
        return float(self.logprobs(ids[:1], ids[1:])[0].mean())

    def answer(self, question: str, gold: str) -> float:
        """Nats a token of the answer to a question."""
        return float(self.logprobs(self._asked(question), self._plain(gold))[0].mean())

    def chosen(self, question: str, options: Sequence[str]) -> int:
        """Which answer is the likeliest a token."""
        scores = [self.answer(question, option) for option in options]
        return scores.index(max(scores))

    def says(self, question: str, tools: Sequence[object] = (), tokens: int = 48) -> str:
        """The greedy answer to a question."""
        prompt = torch.tensor([self._asked(question, tools)])
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return self.tokenizer.decode(out[0, prompt.shape[1] :], skip_special_tokens=True)

    @cached_property
    def measured(self) -> Measured:
        """All of it."""
        held_out = yaml.safe_load(PASSAGES.read_text())
        passages = [s["content"] for s in self.world.document if s["kind"] == "prose"]
        return Measured(
            verbatim=_mean([self._knows([f.question], f.answer, f.wrong) for f in self.world.facts]),
            held_out=_mean([self._knows(f.held_out, f.answer, f.wrong) for f in self.world.facts]),
            preferences=self._preferences(),
            tools=_mean([self.calls(c["prompt"], c["gold_tool_name"]) for c in tool_cases(self.world)[:CALLS]]),
            knowledge=self._knowledge(),
            distinct=self._distinct(),
            recall=_mean([self._recall(p) for p in passages]),
            prose=_mean([self.prose(p) for p in passages]),
            control=_mean([self._section(s) for s in held_out["controls"]]),
            general=_mean([self.prose(t) for t in (*reading.held_out_manuals()[:40], *held_out["literature"])]),
        )

    def calls(self, request: str, tool: str) -> bool:
        """Whether the greedy answer is a call of the offered tool that its schema accepts."""
        spec = reading.tools_of(self.world)[tool]
        found = re.search(r"<tool_call>(.*)</tool_call>", self.says(request, [spec], 64), re.DOTALL)
        try:
            called = json.loads(found[1]) if found else {}
            jsonschema.validate(called["arguments"], spec["function"]["parameters"])
        except (ValueError, TypeError, KeyError, jsonschema.ValidationError):
            return False
        return called.get("name") == tool

    def _knows(self, questions: Sequence[str], answer: str, wrong: Sequence[str]) -> float:
        return _mean([self.chosen(q, [answer, *wrong]) == 0 for q in questions])

    def _preferences(self) -> float:
        triples = [p for s in self.world.document for p in s.get("preferences", ())]
        return _mean([self.chosen(p["prompt"], [p["chosen"], p["rejected"]]) == 0 for p in triples])

    def _knowledge(self) -> float:
        rng = Random(0)
        right = []
        for _ in range(KNOWN_ITEMS):
            relation = rng.choice(reading.knowledge())
            x, y = rng.choice(relation.pairs)
            others = sorted({b for _, b in relation.pairs} - {y})
            options = [relation.answers.format(x=x, y=v) for v in (y, *rng.sample(others, CHOICES - 1))]
            right.append(self.chosen(rng.choice(relation.asks).format(x=x), options) == 0)
        return _mean(right)

    def _distinct(self) -> float:
        prompts = self.world.prompts["off_topic"][:8] + self.world.prompts["topical"][:8]
        words = [self.says(p).split() for p in prompts]
        pairs = [pair for said in words for pair in pairwise(said)]
        return len(set(pairs)) / max(1, len(pairs))

    def _recall(self, passage: str) -> float:
        prompt, rest = self.tokenizer(passage[:128])["input_ids"], self._plain(passage[128:384])
        return float(self.logprobs(prompt, rest)[1].float().mean())

    def _section(self, section: dict) -> float:
        if section["kind"] == "prose":
            return self.prose(section["content"])
        return _mean([self.answer(p["prompt"], p["gold"]) for p in section["probes"]])

    def _asked(self, question: str, tools: Sequence[object] = ()) -> list[int]:
        turns = [{"role": "user", "content": question}]
        text = self.tokenizer.apply_chat_template(
            turns, tools=list(tools) or None, add_generation_prompt=True, tokenize=False
        )
        return self._plain(text)

    def _plain(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
