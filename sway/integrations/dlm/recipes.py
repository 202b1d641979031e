"""Which probes a document calls for, each with its settings, or the reason why it is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.integrations.dlm.material import LONGEST, Material
from sway.integrations.dlm.store import Store

MOST_PROMPTS, MOST_REVERT, MOST_COLLAPSE, MOST_PARAPHRASE, MOST_CHUNKS = 16, 8, 4, 6, 8
MOST_ABLATION, MOST_TURNS, MOST_CLUSTERED, LEAST_CLUSTERED = 8, 4, 40, 20
LEAST_TRIPLES, LEAST_LEAK_CHARS, LEAST_STYLE_CHARS = 3, 160, 400
STYLE_PROMPTS = (
    "Tell me about something that you find interesting.",
    "Describe an ordinary morning.",
    "Explain how you would plan a small project.",
    "Write a short note to a colleague.",
    "What makes a good explanation?",
    "Give some advice to a beginner.",
)
OPTIONAL = {"required": False}
Settings = dict[str, Any]


class LeftOut(Exception):
    """Why a probe is not asked."""


@dataclass(frozen=True)
class Suite:
    """Entries for a spec's `suite`, and the kinds that were left out, with reasons."""

    entries: tuple[Settings, ...]
    left_out: Mapping[str, str]


def suite_for(material: Material, known: Mapping[str, object]) -> Suite:
    """Every recipe that the document and `known`, the kinds that there are, allow: nulls first, ablation last."""
    entries, left_out = list[Settings](), dict[str, str]()
    for kind, recipe in RECIPES.items():
        try:
            if kind not in known:
                raise LeftOut("this version of sway has no such probe")
            entries.append({"name": kind, "kind": kind, **recipe(material)})
        except LeftOut as why:
            left_out[kind] = str(why)
    return Suite(tuple(entries), left_out)


def _delta_kl(m: Material) -> Settings:
    return {"prompts": _prompts(m, MOST_PROMPTS)}


def _prompts(m: Material, most: int) -> list[str]:
    """Prompts of the document; general ones where it has none of its own."""
    from sway.probes.packs import check_prompts

    return m.some_prompts(most) or list(check_prompts()[:most])


def _own_prompts(m: Material, most: int) -> list[str]:
    found = m.some_prompts(most)
    if not found:
        raise LeftOut("the document holds no question and no paragraph to ask about")
    return found


def _cases(m: Material, most: int) -> list[Settings]:
    found = m.cases(most)
    if not found:
        raise LeftOut("the document holds no question with an answer")
    return found


def _cluster_kl(m: Material) -> Settings:
    if len(m.prompts) < LEAST_CLUSTERED:
        raise LeftOut(f"the document gives {len(m.prompts)} prompts, and it needs {LEAST_CLUSTERED}")
    return {"prompts": m.some_prompts(MOST_CLUSTERED), **OPTIONAL}


def _multi_turn(m: Material) -> Settings:
    if not _has_chat_template(m.handle.adapter_path):
        raise LeftOut("no chat template is saved beside the adapter, and conversations need one")
    questions = m.questions(MOST_TURNS)
    if not questions:
        raise LeftOut("the document holds no question to open a conversation with")
    return {"prompts": questions, **OPTIONAL}


def _has_chat_template(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        settings = {}
    kept_in_settings = isinstance(settings, dict) and bool(settings.get("chat_template"))
    return kept_in_settings or (folder / "chat_template.jinja").is_file()


def _sections(m: Material) -> Settings:
    if not m.handle.sections:
        raise LeftOut("the document holds no text")
    return {}


def _preference_flip(m: Material) -> Settings:
    if len(m.preferences) < LEAST_TRIPLES:
        raise LeftOut(f"the document gives {len(m.preferences)} preferences, and it needs {LEAST_TRIPLES}")
    return {}


def _tool_use(m: Material) -> Settings:
    raise LeftOut("a document does not declare tools; add cases with a tool_spec by hand")


def _style(m: Material) -> Settings:
    text = "\n\n".join(m.prose).strip()[:LONGEST]
    if len(text) < LEAST_STYLE_CHARS:
        raise LeftOut(f"the document gives {len(text)} characters of prose, and it needs {LEAST_STYLE_CHARS}")
    return {"prompts": list(STYLE_PROMPTS), "doc_reference": text, **OPTIONAL}


def _leakage(m: Material) -> Settings:
    if not any(len(text.strip()) >= LEAST_LEAK_CHARS for text in m.prose):
        raise LeftOut(f"no prose section has {LEAST_LEAK_CHARS} characters")
    return {}


def _gradient_ghost(m: Material) -> Settings:
    folder = m.handle.adapter_path
    if folder is None or not (folder / "training_state.pt").is_file():
        raise LeftOut("the adapter has no training_state.pt")
    return {}


def _training_drift(m: Material) -> Settings:
    if not _has_log(m.handle.store):
        raise LeftOut("the store has no training log")
    return {**OPTIONAL}


def _has_log(store: Store) -> bool:
    return any(log.is_file() for log in store.logs.glob("train-*.jsonl"))


def _nothing(m: Material) -> Settings:
    del m
    return {}


RECIPES: Mapping[str, Callable[[Material], Settings]] = {
    "null_adapter": _nothing,
    "delta_kl": _delta_kl,
    "adapter_revert": lambda m: {"cases": _cases(m, MOST_REVERT), **OPTIONAL},
    "prompt_collapse": lambda m: {"prompts": _own_prompts(m, MOST_COLLAPSE)},
    "cluster_kl": _cluster_kl,
    "multi_turn_coherence_decay": _multi_turn,
    "section_internalization": _sections,
    "paraphrase_invariance": lambda m: {"cases": _cases(m, MOST_PARAPHRASE)},
    "preference_flip": _preference_flip,
    "tool_use_fidelity": _tool_use,
    "style_fingerprint": _style,
    "calibration_drift": _nothing,
    "external_perplexity": lambda m: {"max_chunks": MOST_CHUNKS},
    "leakage": _leakage,
    "gradient_ghost": _gradient_ghost,
    "training_drift": _training_drift,
    "adapter_ablation": lambda m: {"prompts": _prompts(m, MOST_ABLATION)},
}
"""By kind, in the order of the suite. Probes that need an extra or a template of the model are not required."""
