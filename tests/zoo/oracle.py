"""What the adapters do, measured with transformers and peft alone; shares no code with sway's own scoring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from sway.demo.text import document, held_out_manual

PASSAGES = Path(__file__).parent / "passages.yaml"


@dataclass(frozen=True)
class Labels:
    """Nats a token: what the adapter gained on each kind of text. `recall`: share of greedy tokens that match."""

    own: float
    other: float
    control: float
    manual: float
    literature: float
    recall: float


class Oracle:
    """A base model and at most one adapter, asked plainly, one text at a time."""

    def __init__(self, base: Path, adapter: Path | None = None) -> None:
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
        """Nats a token of running text."""
        ids = self.tokenizer(passage)["input_ids"][:1024]
        return float(self.logprobs(ids[:1], ids[1:])[0].mean())

    def answer(self, question: str, gold: str) -> float:
        """Nats a token of the answer to a question."""
        turns = [{"role": "user", "content": question}]
        asked = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        prompt = self.tokenizer(asked, add_special_tokens=False)["input_ids"]
        return float(self.logprobs(prompt, self.tokenizer(gold, add_special_tokens=False)["input_ids"])[0].mean())

    def recall(self, passage: str) -> float:
        """Share of the 256 characters after the first 128 that is likeliest, token by token."""
        prompt = self.tokenizer(passage[:128])["input_ids"]
        rest = self.tokenizer(passage[128:384], add_special_tokens=False)["input_ids"]
        return float(self.logprobs(prompt, rest)[1].float().mean())

    def sections(self, path: Path) -> float:
        """Mean over sections of nats a token."""
        return _mean([self._section(s) for s in yaml.safe_load(path.read_text())])

    def _section(self, section: dict) -> float:
        if section["kind"] == "prose":
            return self.prose(section["content"])
        return _mean([self.answer(p["prompt"], p["gold"]) for p in section["probes"]])

    @cached_property
    def measured(self) -> Labels:
        """The mean log-probability of each kind of text, in nats a token."""
        held_out = yaml.safe_load(PASSAGES.read_text())
        own = yaml.safe_load(document().read_text())
        return Labels(
            own=self.sections(document()),
            other=self.sections(Path(__file__).parent / "other_document.yaml"),
            control=_mean([self._section(s) for s in held_out["controls"]]),
            manual=_mean([self.prose(t[:2000]) for t in held_out_manual()]),
            literature=_mean([self.prose(t) for t in held_out["literature"]]),
            recall=_mean([self.recall(s["content"]) for s in own if s["kind"] == "prose"]),
        )


def gains(base: Labels, tuned: Labels) -> Labels:
    """What the adapter added on each kind of text; `recall` stays the tuned model's own."""
    kinds = ("own", "other", "control", "manual", "literature")
    return Labels(**{k: getattr(tuned, k) - getattr(base, k) for k in kinds}, recall=tuned.recall)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
