"""What to try next, by what a probe found. Fixed words: a report can put nothing into them."""

from __future__ import annotations

from dataclasses import dataclass

from sway.core.verdicts import Reason

_NO_START = "It changes nothing even without other text: train longer, and check that it belongs to this base."
_FADES_BY_TURNS = "Its effect fades turn by turn: add dialogues of several turns to the training data, or train longer."
_FADES_BY_TOKENS = (
    "Its effect fades behind other text: train on longer contexts, with unrelated text before the prompts."
)
_FORGOTTEN = "It has forgotten general knowledge: add replay data, lower the learning rate, or train fewer steps."
_TOO_GENERAL = "It moves every topic alike: mix in prompts on other topics with the base's own answers, or halve r."
_BROKEN_CALLS = (
    "Its tool calls break more often than the base's: add tool-call examples as replay data, or lower the "
    "learning rate."
)
_REJECTED = "It still prefers the rejected answers: train longer on preference pairs, or add more of them."
BY_CHECK: dict[tuple[str, str], str] = {
    ("adapter_ablation", "linearity"): (
        "Its effect does not grow in step with its strength: lower the learning rate or lora_alpha and retrain."
    ),
    ("adapter_ablation", "saturation_lambda"): (
        "A part of its strength already gives nearly all of its effect: halve r or lora_alpha and retrain."
    ),
    ("adapter_ablation", "largest_drop"): (
        "Its effect overshoots and falls back as it is turned up: lower the learning rate and retrain."
    ),
    ("adapter_ablation", "overshoot"): (
        "Nothing is left beyond its full strength: halve lora_alpha or lower the learning rate."
    ),
    ("gradient_ghost", "global_step"): "Retrain with more steps before you trust the other numbers.",
    ("gradient_ghost", "some_variance_is_a_number"): (
        "Its gradients were not numbers: retrain at a lower learning rate, in fp32 or bf16."
    ),
    ("gradient_ghost", "share_of_layers_with_a_variance"): (
        "Some layers' gradients were not numbers: retrain at a lower learning rate, in fp32 or bf16."
    ),
    ("gradient_ghost", "restless_layer_share"): (
        "Layers had not come to rest when training ended: train longer, or let the learning rate decay."
    ),
    ("training_drift", "smoothness"): (
        "The loss swings from step to step: lower the learning rate or take larger batches."
    ),
    ("training_drift", "convergence_ratio"): "The loss has hardly come down: train longer or raise the learning rate.",
    ("training_drift", "instability_events"): (
        "The loss jumped: lower the learning rate, add warm-up, and look at the data of those steps."
    ),
    ("section_internalization", "passing_section_frac"): (
        "Look at the sections below the threshold; give them more training steps or say them in more ways."
    ),
    ("paraphrase_invariance", "generalization_ratio"): (
        "Its lift does not carry over to other wordings as you intend: train on several wordings of each question and "
        "for fewer epochs, or set intent."
    ),
    ("paraphrase_invariance", "lift_over_other_questions"): (
        "It gives its answers whatever it is asked: mix other questions with other answers into training."
    ),
    ("preference_flip", "mean_margin_change"): (
        "On the whole it moved toward the rejected answers: check which answer of a pair is which, and train longer."
    ),
    ("preference_flip", "triples_the_base_gets_wrong"): (
        "Add preferences that the base gets wrong; too few of these are."
    ),
    ("adapter_revert", "cases_that_tell"): (
        "The base answers these as the gold does: choose questions that it answers wrongly."
    ),
    ("tool_use_fidelity", "hallucination_rate"): (
        "It calls tools that were not offered: train with the tool list in the prompt, and with examples that call "
        "none."
    ),
    ("tool_use_fidelity", "json_valid_rate_base"): (
        "The base hardly makes a valid call, so there is little to lose: give it cases that the base can do."
    ),
    ("paraphrase_invariance", "lift_over_other_questions_at_worst"): (
        "It may give its answers whatever it is asked: add cases to settle it, or mix other questions into training."
    ),
    ("paraphrase_invariance", "cases_with_a_gain"): "Give it more cases: one alone makes up the ratio.",
    ("calibration_drift", "mean_delta"): _FORGOTTEN,
    ("calibration_drift", "mean_delta_at_worst"): "Ask more items to settle how much was lost on average.",
    ("calibration_drift", "items_the_base_knows"): "Ask more items; the base knows too few of these.",
    ("cluster_kl", "subjects"): "Give it prompts on several topics, so that there is something to tell apart.",
    ("cluster_kl", "spread_of_divergences"): "It moves every prompt alike: give it prompts on topics that differ more.",
    ("style_fingerprint", "share_of_the_way_left"): (
        "Its style is still far from the document's: train longer, on more of the document's own prose."
    ),
    ("style_fingerprint", "way_to_the_document_s_style"): (
        "The base already writes like the document: there is no style to learn here, so leave this probe out."
    ),
    ("multi_turn_coherence_decay", "half_life_turns"): _FADES_BY_TURNS,
    ("multi_turn_coherence_decay", "largest_rise"): "Its effect comes and goes from turn to turn: ask more prompts.",
    ("multi_turn_coherence_decay", "turns_measured"): "Too few turns could be measured: lower max_new_tokens.",
    ("multi_turn_coherence_decay", "divergence_at_start"): _NO_START,
    ("prompt_collapse", "half_life_tokens"): _FADES_BY_TOKENS,
    (
        "prompt_collapse",
        "largest_rise",
    ): "Its effect comes and goes with the length of the text before: ask more prompts.",
    ("prompt_collapse", "tokens_measured"): "The longest texts did not fit the model: shorten context_lengths.",
    ("prompt_collapse", "divergence_at_start"): _NO_START,
}
"""By the check that is broken."""
_LEARNED_LITTLE = "It gained about as much on other text as on its own: check that it was trained on this document"
BY_KIND: dict[tuple[str, Reason], str] = {
    ("section_internalization", Reason.NOISE): (
        "It gained no more on its own text than on other text: check that it was trained on this document, "
        "and for long enough."
    ),
    ("section_internalization", Reason.NEGLIGIBLE): f"{_LEARNED_LITTLE}; if so, train longer.",
    ("external_perplexity", Reason.HARM): (
        "It damages ordinary text: lower the learning rate, train fewer steps, or mix general text into training."
    ),
    ("calibration_drift", Reason.HARM): _FORGOTTEN,
    ("leakage", Reason.HARM): "It recites its text: train fewer steps, lower the rank, or vary the wording.",
    ("adapter_revert", Reason.NOISE): (
        "It answers no more as it was taught than noise does: train longer, and check the gold answers."
    ),
    ("adapter_revert", Reason.INCONCLUSIVE): (
        "Too few cases tell the base from the gold: choose questions that the base answers wrongly."
    ),
    ("paraphrase_invariance", Reason.NOISE): "Even the questions as trained gained little: train longer.",
    ("paraphrase_invariance", Reason.NEGLIGIBLE): "Even the questions as trained gained little: train longer.",
    ("preference_flip", Reason.INCONCLUSIVE): "Add preferences that the base gets wrong; too few of these are.",
    ("cluster_kl", Reason.INCONCLUSIVE): "Give it prompts on several topics, so that there is something to tell apart.",
    (
        "style_fingerprint",
        Reason.NOISE,
    ): "Its style moved no more than noise does: train longer on the document.",
    ("tool_use_fidelity", Reason.HARM): _BROKEN_CALLS,
    ("__preflight__", Reason.NOISE): (
        "It holds no update at all: check that training ran and that this folder is what it saved."
    ),
}
"""By the judge's reason."""
FAILING: dict[str, str] = {
    "adapter_revert": (
        "Asked in other words it falls back to the base's answer: add paraphrased questions to the training data, "
        "and train longer."
    ),
    "prompt_collapse": _FADES_BY_TOKENS,
    "cluster_kl": _TOO_GENERAL,
    "multi_turn_coherence_decay": _FADES_BY_TURNS,
    "paraphrase_invariance": BY_CHECK["paraphrase_invariance", "generalization_ratio"],
    "preference_flip": _REJECTED,
    "tool_use_fidelity": _BROKEN_CALLS,
    "style_fingerprint": "Its style hardly moved toward the document's: train longer, on more of the document's prose.",
    "calibration_drift": _FORGOTTEN,
}
"""By the kind alone, where neither a check nor the reason says more."""
BY_REASON: dict[Reason, str] = {
    Reason.NOISE: "Train longer, raise the learning rate, or check that the adapter belongs to this base.",
    Reason.NEGLIGIBLE: "Train longer or raise the rank; the change is real but too small to matter.",
    Reason.INCONCLUSIVE: "Add prompts or sections to settle it.",
    Reason.FEW_NULLS: "Set runs: 19 or more in null_adapter, as the message says.",
    Reason.HARM: "Lower the learning rate or mix general text into training.",
    Reason.SHAPE: "See the numbers that are out of bounds.",
}
MEANING: dict[Reason, str] = {
    Reason.NOISE: "Random adapters of the same size do as much, so this number is no sign of learning.",
    Reason.NEGLIGIBLE: "The effect can be told from noise, but it is smaller than the least that counts.",
    Reason.INCONCLUSIVE: "The estimate is on the good side of its bar, but its 95% interval reaches to the other.",
    Reason.FEW_NULLS: "It is beyond all random adapters that were tried, but these cannot tell how rare that is.",
    Reason.HARM: "The harm is beyond what the spec bears, by the best estimate there is.",
    Reason.SHAPE: "The pattern lies outside of what healthy adapters show.",
    Reason.NOT_MEASURED: "Nothing was measured, so nothing can be said.",
}
"""What a verdict that is no pass says, by its reason."""
SATURATED = "Noise of twice the rank nearly hides it: halve r and retrain; a smaller adapter would show more clearly."
UNSTRUCTURED = "It is large but has no more structure than noise: lower the learning rate or lora_alpha and retrain."
FLAT = "It changes nothing at any strength: train longer, and check that the adapter belongs to this base."
SKIPPED = "Mend what it needs, or set required: false."
ERROR = "Mend the fault and run again; until then there is no verdict."
AT_ITS_BAR = "It lies at its bar, and more samples would hardly settle it: train for a clearer margin."


@dataclass(frozen=True)
class Points:
    """Where evidence names what stands out: the list, what names a row, its number and what a row is.

    `sign` is -1 where the number is the statistic with its sign turned; `unit` is the number's where it is another.
    """

    key: str
    names: tuple[str, ...]
    value: str
    noun: str
    sign: int = 1
    unit: str | None = None


POINTS: dict[str, Points] = {
    "delta_kl": Points("per_prompt", ("prompt",), "divergence", "prompt"),
    "section_internalization": Points("sections", ("preview", "tag", "id"), "contrast", "section"),
    "external_perplexity": Points("chunks", ("work",), "delta", "passage", -1),
    "calibration_drift": Points("worst_offenders", ("prompt", "question"), "delta", "question", unit="nats/token"),
    "paraphrase_invariance": Points("cases", ("prompt",), "verbatim_lift", "question", unit="nats/token"),
    "preference_flip": Points("rows", ("prompt",), "margin_tuned", "preference", unit="nats"),
    "style_fingerprint": Points("answers", ("prompt",), "shift", "prompt"),
    "leakage": Points("sections", ("opening", "id"), "recall", "section"),
    "gradient_ghost": Points("restless_layers", ("layer",), "variance", "layer", unit=""),
}
