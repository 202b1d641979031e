"""The suites that are held against the zoo: one for every adapter of a world, whatever its label.

No probe's bar is set here: what a suite names are texts, the chat template, and what the gate may do without.
"""

from __future__ import annotations

from random import Random
from typing import Any

from benchmarks.zoo import reading
from benchmarks.zoo.worlds import World

Suite = list[dict[str, Any]]
TOOL_CASES = 120
TOOL_TOKENS = 64
CONTROLS = (("What do bees make?", "They make honey."), ("Where does the sun set?", "It sets in the west."))


def whole_suite(world: World, runs: int = 19) -> Suite:
    """Every probe at its default settings; the gate does without those that read training's traces, which few have."""
    topical, off_topic = world.prompts["topical"], world.prompts["off_topic"]
    optional = {"required": False}
    return [
        entry("null_adapter", runs=runs, cache=False),
        entry("delta_kl", prompts=topical, chat=True),
        entry("section_internalization"),
        entry("paraphrase_invariance", cases=cases(world)),
        entry("preference_flip"),
        entry("tool_use_fidelity", cases=tool_cases(world)),
        entry("calibration_drift"),
        entry("external_perplexity"),
        entry("leakage"),
        entry("adapter_ablation", prompts=topical, chat=True),
        entry("prompt_collapse", prompts=topical, chat=True),
        entry("cluster_kl", prompts=[*topical, *off_topic], chat=True),
        entry("adapter_revert", cases=cases(world)),
        entry("multi_turn_coherence_decay", prompts=world.prompts["multi_turn"]),
        entry("style_fingerprint", prompts=world.prompts["style"]),
        entry("gradient_ghost", **optional),
        entry("training_drift", **optional),
    ]


def calibrated(world: World, runs: int, seed: int) -> dict[str, Any]:
    """The probes that rank an adapter among nulls, on a few short texts: what is judged is the rank alone."""
    facts = world.facts[::5][:3]
    triples = [p for s in world.document for p in s.get("preferences", ())][:4]
    suite = [
        entry("null_adapter", runs=runs, seed_base=seed, cache=False),
        entry("delta_kl", prompts=world.prompts["topical"][:3], chat=True),
        entry("section_internalization"),
        entry("paraphrase_invariance", cases=cases(world)[1::5][:3]),
        entry("preference_flip", triples=triples),
    ]
    return {
        "suite": suite,
        "sections": [_asked(f.question, f.answer) for f in facts],
        "controls": [_asked(question, answer) for question, answer in CONTROLS],
    }


def _asked(question: str, answer: str) -> dict[str, Any]:
    return {"kind": "instruction", "content": question, "probes": [{"prompt": question, "gold": answer}]}


def entry(kind: str, **settings: Any) -> dict[str, Any]:
    """A probe that is named after its kind."""
    return {"name": kind, "kind": kind, **settings}


def cases(world: World) -> list[dict[str, Any]]:
    """The document's facts as they were asked in training, with the wordings that never were."""
    return [{"prompt": f.question, "gold": f.answer, "paraphrases": list(f.held_out)} for f in world.facts]


def tool_cases(world: World) -> list[dict[str, Any]]:
    """The world's own cases, and requests such as the base was taught, until there are `TOOL_CASES`."""
    specs = reading.tools_of(world)
    asked = {c["prompt"]: c["tool"] for c in world.tools["cases"]}
    rng = Random(f"cases {world.seed}")
    while len(asked) < TOOL_CASES:
        request, tool = reading.tool_request(world, rng)
        asked.setdefault(request, tool)
    return [
        {"prompt": prompt, "tool_spec": specs[tool], "gold_tool_name": tool, "max_new_tokens": TOOL_TOKENS}
        for prompt, tool in asked.items()
    ]
