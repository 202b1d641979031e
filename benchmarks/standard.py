"""The work that is measured: the standard suite, as `sway autogen` would write it, and single kinds of question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sway.backends.interface import Answered
from sway.core.requests import NextToken, Request, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from sway.demo.text import document, openings, prose, read_sections
from sway.integrations.dlm.recipes import (
    MOST_ABLATION,
    MOST_CHUNKS,
    MOST_CLUSTERED,
    MOST_COLLAPSE,
    MOST_PARAPHRASE,
    MOST_PROMPTS,
    MOST_REVERT,
    MOST_TURNS,
    STYLE_PROMPTS,
)
from sway.probes.packs import general_knowledge
from sway.suite.loader import spec_from_data
from sway.suite.spec import LoadedSpec

LAMBDAS = (0.25, 0.5, 0.75, 1.25, 1.5)
SENTENCES = (
    "The river rises in the hills and runs slowly down to the sea past the old stone mill.",
    "A baker mixes flour with water and a little salt, and then waits for the dough to rise.",
    "Two plus two is four, and three times three is nine, as every child at school knows.",
    "The library keeps maps of every harbor on the coast, some of them older than the town.",
)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}


def standard(base: Path, adapter: Path, nulls: int = 19, only: str = "") -> LoadedSpec:
    """Every probe that asks a model, or one, on the demonstration's document, as large as `sway autogen` makes them."""
    sections = read_sections(document())
    asked = openings(sections, words=(4, 6, 8, 10, 12, 16))
    cases = [_case(question.prompt, question.gold) for s in sections for question in s.probes]
    chats = [case["prompt"] for case in cases]
    suite: list[dict[str, Any]] = [
        {"kind": "null_adapter", "runs": nulls, "cache": False},
        {"kind": "delta_kl", "prompts": asked[:MOST_PROMPTS]},
        {"kind": "adapter_revert", "cases": cases[:MOST_REVERT]},
        {"kind": "prompt_collapse", "prompts": asked[:MOST_COLLAPSE]},
        {"kind": "cluster_kl", "prompts": asked[:MOST_CLUSTERED]},
        {"kind": "multi_turn_coherence_decay", "prompts": chats[:MOST_TURNS]},
        {"kind": "section_internalization"},
        {"kind": "paraphrase_invariance", "cases": cases[:MOST_PARAPHRASE]},
        {"kind": "preference_flip", "triples": _triples(cases)},
        {"kind": "tool_use_fidelity", "cases": [_call(town) for town in ("Ombry", "Veldrake")]},
        {"kind": "style_fingerprint", "prompts": list(STYLE_PROMPTS)},
        {"kind": "calibration_drift"},
        {"kind": "external_perplexity", "max_chunks": MOST_CHUNKS},
        {"kind": "leakage"},
        {"kind": "adapter_ablation", "prompts": asked[:MOST_ABLATION]},
    ]
    models = {"base": {"base": str(base)}, "ft": {"base": str(base), "adapter": str(adapter)}}
    named = [{"name": entry["kind"], **entry} for entry in suite if only in ("", entry["kind"])]
    return spec_from_data({"version": 1, "models": models, "sections": str(document()), "suite": named})


def _case(prompt: str, gold: str) -> dict[str, Any]:
    return {"prompt": prompt, "gold": gold, "paraphrases": [f"Please tell me: {prompt}", f"{prompt} In short."]}


def _call(town: str) -> dict[str, Any]:
    return {"prompt": f"Is it raining in {town}?", "tool_spec": [TOOL], "gold_tool_name": "weather"}


def _triples(cases: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    wrong = [case["gold"] for case in (*cases[1:], *cases[:1])]
    return [{"prompt": c["prompt"], "chosen": c["gold"], "rejected": w} for c, w in zip(cases, wrong, strict=True)]


class Overheard:
    """A backend that remembers what it was asked, and what it said."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.said: dict[Request[Any], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer, and remember."""
        for found in self.backend.answer(requests):
            self.said[found.request] = found.answer
            yield found

    def close(self) -> None:
        """Stay open: the measurements share it."""


def prompts(count: int, words: int = 13) -> list[str]:
    """Different prompts of about 16 tokens."""
    text = " ".join((*SENTENCES, *prose())).split()
    return [" ".join(text[i * words : (i + 1) * words]) for i in range(count)]


def nulls(count: int) -> list[View]:
    """So many null views."""
    return [View(1.0, NullDraw(0, k)) for k in range(count)]


def next_tokens(texts: Sequence[str], views: Sequence[View]) -> list[Request[Any]]:
    """Each prompt's next token under each view."""
    return [NextToken(view, text) for view in views for text in texts]


def completions(count: int, prefix: str) -> list[Request[Any]]:
    """Answers to one prompt, under both models."""
    endings = [f" {fact.gold} and so on." for fact in general_knowledge()[:count]]
    return [SpanLogprob(view, prefix, ending) for view in (BASE, TUNED) for ending in endings]


def prose_of(count: int, words: int = 128) -> list[Request[Any]]:
    """Texts to score whole, under both models."""
    text = " ".join(prose()).split()
    texts = [" ".join(text[i * words : (i + 1) * words]) for i in range(count)]
    return [RollingLogprob(view, t) for view in (BASE, TUNED) for t in texts]
