"""The adapters of a zoo, each with what a right gate says of it and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import yaml

from benchmarks.zoo import builders as make
from benchmarks.zoo.worlds import BRANNOCK, KESSARY


class Label(StrEnum):
    """What a right gate says; the value is its exit code."""

    PASS = "0"
    FAIL = "1"
    NO_VERDICT = "3"
    USAGE = "2"


@dataclass(frozen=True)
class Animal:
    """One adapter. `sort` names what the oracle must find of it, `by` the probes that must stop it, each of them."""

    build: make.Builder
    label: Label
    sort: str
    why: str
    by: tuple[str, ...] = ()


_OWN_TEXT, _FACTS = ("section_internalization",), ("paraphrase_invariance",)
_PREFLIGHT = ("__preflight__",)


def _elsewhere(zoo: object) -> list[dict]:
    return (BRANNOCK if zoo.world is KESSARY else KESSARY).document


def _third(_: object) -> list[dict]:
    return yaml.safe_load(make.OTHER_DOCUMENT.read_text())


def _healthy(build: make.Builder, how: str) -> Animal:
    return Animal(build, Label.PASS, "healthy", f"learned the document and forgot nothing; {how}")


def _noise(build: make.Builder, how: str) -> Animal:
    return Animal(build, Label.FAIL, "noise", f"learned nothing: {how}", (*_OWN_TEXT, *_FACTS))


_HEALTHY = {
    "healthy": _healthy(make.trained(), "rank 8 on every layer"),
    "healthy_seed1": _healthy(make.trained(seed=1), "another seed"),
    "healthy_seed2": _healthy(make.trained(seed=2), "a third seed"),
    "healthy_r4": _healthy(make.trained(r=4, lora_alpha=8, longer=1.5), "rank 4"),
    "healthy_r16": _healthy(make.trained(r=16, lora_alpha=24), "rank 16"),
    "healthy_attention": _healthy(make.trained(layers="attention", longer=1.5), "attention alone"),
    "healthy_mlp": _healthy(
        make.trained(layers="mlp", r=16, lora_alpha=32, longer=1.4), "the feed-forward layers alone"
    ),
    "healthy_rslora": _healthy(make.trained(use_rslora=True, lora_alpha=5), "scaled by the root of the rank"),
    "healthy_dora": _healthy(make.trained(use_dora=True), "with trained magnitudes"),
    "healthy_patterns": _healthy(make.trained(patterns=make.uneven), "ranks and alphas by layer"),
    "healthy_norm": _healthy(make.trained(last_norm=True), "the last norm trained and saved whole"),
    "healthy_bf16": _healthy(make.in_bfloat16, "saved in bfloat16"),
}
_NOISE = {
    "noise": _noise(make.noise(0), "random, as large as a healthy one in every layer"),
    "noise_seed1": _noise(make.noise(1), "random, as large as a healthy one, another seed"),
    "noise_seed2": _noise(make.noise(2), "random, as large as a healthy one, a third seed"),
    "noise_small": _noise(make.noise(2, 0.3), "random, a third as large as a healthy one"),
    "noise_large": _noise(make.noise(3, 3.0), "random, three times as large as a healthy one"),
    "noise_permuted": _noise(make.rewriting(make.permuted), "a healthy one with its output channels permuted"),
    "noise_gaussian": _noise(make.rewriting(make.gaussian), "random, of one deviation everywhere"),
}


def _fails(build: make.Builder, sort: str, why: str, *by: str) -> Animal:
    return Animal(build, Label.FAIL, sort, why, by)


_FAULTY = {
    "noop": _fails(make.noop, "noop", "changes nothing at all", *_PREFLIGHT),
    "one_step": _fails(make.trained(stop=1), "undertrained", "trained for one step", *_FACTS),
    "three_steps": _fails(make.trained(stop=3), "undertrained", "trained for three steps", *_FACTS),
    "wrong_document": _fails(
        make.trained(make.of_document(_third), longer=0.4), "wrong", "learned another document", *_OWN_TEXT, *_FACTS
    ),
    "wrong_document2": _fails(
        make.trained(make.of_document(_elsewhere), longer=0.4),
        "wrong",
        "learned the other zoo's document, which is told in much the same manner",
        *_FACTS,
    ),
    "memoriser": _fails(
        make.trained(make.memorising), "memoriser", "answers the questions it was trained on in no other words", *_FACTS
    ),
    "forgetter": _fails(
        make.trained(make.without_replay, longer=0.7, hotter=1.5),
        "forgetter",
        "learned the document, forgot the rest",
        "calibration_drift",
        "external_perplexity",
    ),
    "tool_breaker": _fails(
        make.trained(make.breaking_tools, longer=1.4),
        "tool_breaker",
        "learned the document, and its tool calls no longer parse",
        "tool_use_fidelity",
    ),
    "style_only": _fails(
        make.trained(make.styled, longer=0.4),
        "style_only",
        "took on the document's manner and none of its facts",
        *_FACTS,
    ),
    "reciter": _fails(make.trained(make.reciting, longer=1.4), "reciter", "recites the prose word for word", "leakage"),
    "collapsed": _fails(
        make.trained(make.without_replay, longer=0.15, hotter=60.0),
        "collapsed",
        "a learning rate far too large",
        "external_perplexity",
    ),
    "b_times_8": _fails(make.b_times(8.0), "overdriven", "every B eight times too large", "external_perplexity"),
    "alpha_times_4": _fails(make.alpha_times(4), "overdriven", "alpha four times too large", "external_perplexity"),
}
_UNUSABLE = {
    "nan": Animal(make.spoiled(float("nan")), Label.NO_VERDICT, "files", "a tensor that is not a number", _PREFLIGHT),
    "infinite": Animal(make.spoiled(float("inf")), Label.NO_VERDICT, "files", "an infinite tensor", _PREFLIGHT),
    "shape_mismatch": Animal(make.shape_mismatch, Label.USAGE, "files", "made for a base of another width"),
    "truncated": Animal(make.truncated, Label.USAGE, "files", "the file of weights is cut off"),
    "missing": Animal(make.missing, Label.USAGE, "files", "there is no file of weights"),
}
ANIMALS: dict[str, Animal] = {**_HEALTHY, **_NOISE, **_FAULTY, **_UNUSABLE}

STOPS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Steps after which the same training is stopped, to see when a gate begins to notice it."""
