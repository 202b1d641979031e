"""What to try next, tied to the reason that a probe gives for its verdict."""

from __future__ import annotations

from sway.core.results import ProbeResult
from sway.core.verdicts import Reason, Verdict

BY_KIND: dict[tuple[str, Reason], str] = {
    ("section_internalization", Reason.NOISE): (
        "It gained no more on its own text than on other text: check that it was trained on this document, "
        "and for long enough."
    ),
    ("section_internalization", Reason.NEGLIGIBLE): (
        "It gained about as much on other text as on its own: check that it was trained on this document; "
        "if so, train longer."
    ),
    (
        "section_internalization",
        Reason.SHAPE,
    ): "Look at the sections below the threshold; give them more training steps.",
    ("adapter_revert", Reason.NEGLIGIBLE): (
        "It answers as the base does when a question is put in other words: add paraphrases to the training text."
    ),
    ("adapter_revert", Reason.SHAPE): "Ask what the base does not know: there is nothing to revert from.",
    ("cluster_kl", Reason.NEGLIGIBLE): (
        "It changes other subjects about as much as its own: mix other text into training, or lower the learning rate."
    ),
    ("cluster_kl", Reason.SHAPE): "Give prompts on several subjects, the adapter's among them.",
    ("style_fingerprint", Reason.NEGLIGIBLE): "It does not write like the document: train longer, on more of its text.",
    ("style_fingerprint", Reason.SHAPE): (
        "Look at the answers: the style moved, but not to the document's; or the base had it already."
    ),
    ("external_perplexity", Reason.HARM): (
        "It damages ordinary text: lower the learning rate, train fewer steps, or mix general text into training."
    ),
    ("calibration_drift", Reason.HARM): (
        "It forgets common knowledge: lower the learning rate, train fewer steps, or mix general text into training."
    ),
    ("calibration_drift", Reason.SHAPE): (
        "If the base knows too few of the items, give `items` that it does; else lower the learning rate or mix "
        "general text into training."
    ),
    ("paraphrase_invariance", Reason.SHAPE): (
        "Its lift does not carry over to other wordings as you intend: train on several wordings of each question, "
        "or set `intent`."
    ),
    ("preference_flip", Reason.SHAPE): (
        "The base gets too few of these wrong to judge: add triples that it gets wrong; if the margin shrank, see "
        "whether chosen and rejected are the right way round."
    ),
    ("leakage", Reason.HARM): "It recites its text: train fewer steps, lower the rank, or vary the wording.",
    ("adapter_ablation", Reason.SHAPE): (
        "Its effect does not grow smoothly with its strength: lower the learning rate or lora_alpha and retrain."
    ),
    ("gradient_ghost", Reason.SHAPE): "Retrain with more steps before you trust the other numbers.",
    ("training_drift", Reason.SHAPE): "Look at the loss curve: lower the learning rate or add warm-up.",
}
BY_REASON: dict[Reason, str] = {
    Reason.NOISE: "Train longer, raise the learning rate, or check that the adapter belongs to this base.",
    Reason.NEGLIGIBLE: "Train longer or raise the rank; the change is real but too small to matter.",
    Reason.INCONCLUSIVE: "Add prompts or sections to settle it.",
    Reason.HARM: "Lower the learning rate or mix general text into training.",
    Reason.SHAPE: "See the numbers that are out of bounds.",
}
OUT_OF_REACH = 50
"""How many times the samples given nobody would write."""


def advise(result: ProbeResult) -> str:
    """One sentence on what to do, or nothing where there is nothing to do."""
    if result.verdict is Verdict.SKIP:
        return "Mend what it needs, or set required: false." if result.required else ""
    if result.verdict is Verdict.ERROR:
        return "Mend the fault and run again; until then there is no verdict."
    if result.verdict is Verdict.PASS:
        return ""
    if result.samples_needed:
        return _more_samples(result.samples_needed, len(result.samples))
    if result.reason is Reason.NOISE and _beyond_bar(result):
        return "It is large but has no more structure than noise: lower the learning rate or lora_alpha and retrain."
    return BY_KIND.get((result.kind, result.reason)) or BY_REASON.get(result.reason, "")


def _more_samples(needed: int, given: int) -> str:
    if needed > OUT_OF_REACH * max(given, 1):
        return (
            f"It lies at its bar, and more samples would hardly settle it ({given} given): train for a clearer margin."
        )
    return f"Give it about {needed} samples (it has {given})."


def _beyond_bar(result: ProbeResult) -> bool:
    """Whether the statistic clears its bar, as that of a collapsed adapter does."""
    if result.raw is None or result.bar is None:
        return False
    return result.raw >= result.bar if result.better == "higher" else result.raw <= result.bar
