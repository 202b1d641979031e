"""Does the model still know what everybody knows?

Scores the endings of plain sentences of general knowledge ("The capital of France is", "Paris") under
the base and the tuned model, as running text without a chat template, so that a new manner of answering
is not taken for forgetting. The harm of an item is the log-probability of its ending under the base less
that under the tuned model, in nats a token of the model's own tokenizer. Counted are the items that the
base knows: those whose ending it gives at least 0.7% a token (-5 nats). The statistic is the share of them
that lost more than `regression_nats`; their mean change must stay above `assert_mean_delta_gte` too. Where
the base knows too few, all items are counted, and at best this warns: it is drift, not forgetting.

Tells you: whether the adapter costs the model facts that have nothing to do with your text, and which.

Cannot tell you: what the base did not know before, whether the fluency of longer text suffers
(external_perplexity asks that), or whether knowledge in other languages does: give `items` of your own.

References:
    McCloskey, M. and Cohen, N. (1989). Catastrophic interference in connectionist networks. Psych. Learn. Motiv. 24.
    Petroni, F. et al. (2019). Language models as knowledge bases? EMNLP, for asking facts as unfinished sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from sway.core.measurement import Category, Check, Claim, Measurement, below
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.sections import QA
from sway.probes.evidence import brief, clip, fit
from sway.probes.lift import Levels, both, levels
from sway.probes.packs import Fact, general_knowledge
from sway.stats.resampling import mean_interval

KNOWN = -5.0
"""Nats a token: an ending that the base finds less likely than this is one that it does not know."""
ENOUGH_KNOWN = 8
OFFENDERS = 12

Scored = tuple[Fact, Levels]


class Params(CommonParams):
    """Which facts, and how many of them may fade, and how far."""

    pack: Literal["builtin"] = Field(default="builtin", description="The facts that sway ships.")
    items: tuple[QA, ...] = Field(
        default=(), description="Facts of your own in place of the pack's: openings and their endings (gold)."
    )
    items_limit: int | None = Field(
        default=None, ge=1, description="How many to ask; of the pack, evenly from its subjects."
    )
    regression_nats: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Loss of a forgotten item, in nats a token."
    )
    assert_fraction_regressed_lt: float = Field(
        default=0.15, gt=0, le=1, description="Most items that may be forgotten, as a share."
    )
    assert_mean_delta_gte: float = Field(
        default=-0.5,
        allow_inf_nan=False,
        description="Least change of the mean log-probability, tuned less base, in nats a token.",
    )


@probe(
    Category.CALIBRATION,
    Claim.NON_INFERIORITY,
    Params,
    measures="share of general knowledge that it forgot",
    unit="",
    better="lower",
    sample="item",
)
def calibration_drift(params: Params, context: Context) -> Asking:
    """Ask both models to score the ending of every item."""
    facts = _facts(params)
    got = yield [question for f in facts for question in both(f.prompt, _ending(f))]
    scored = [(f, levels(f.prompt, _ending(f), got)) for f in facts]
    known = [s for s in scored if s[1].base >= KNOWN]
    enough = min(ENOUGH_KNOWN, (len(scored) + 1) // 2)
    few = len(known) < enough
    found = _drift(params, scored if few else known, context.seed)
    return replace(
        found,
        checks=(*found.checks, *([Check("items_the_base_knows", len(known), low=enough, soft=True)] if few else [])),
        measures="share of sentences that it completes less well, knowledge or not" if few else "",
        note="" if len(known) == len(scored) else f"the base knows {len(known)} of {len(scored)} items",
        evidence={"items": len(scored), "known_items": len(known), **found.evidence},
    )


def _facts(params: Params) -> Sequence[Fact]:
    own = tuple(Fact(topic="own", prompt=i.prompt, gold=i.gold) for i in params.items)
    return (own or general_knowledge())[: params.items_limit]


def _ending(fact: Fact) -> str:
    """The gold answer as it continues the prompt."""
    return fact.gold if fact.prompt[-1].isspace() else f" {fact.gold}"


def _drift(params: Params, counted: list[Scored], seed: int) -> Measurement:
    worst = sorted(counted, key=lambda s: s[1].lift)
    forgotten = [float(found.lift < -params.regression_nats) for _, found in counted]
    lifts = [found.lift for _, found in counted]
    mean_delta, interval = fmean(lifts), mean_interval(lifts, seed=seed)
    mean = Check("mean_delta", mean_delta, low=params.assert_mean_delta_gte)
    worst_mean = [replace(mean, name="mean_delta_at_worst", value=interval.low, soft=True)] if interval else []
    return Measurement(
        raw=fmean(forgotten),
        samples=forgotten,
        items=[f"{fact.prompt}\0{fact.gold}" for fact, _ in counted],
        scale="share",
        bar=below(params.assert_fraction_regressed_lt),
        checks=(mean, *(worst_mean if mean.holds else ())),
        base_value=fmean(found.base for _, found in counted),
        tuned_value=fmean(found.tuned for _, found in counted),
        evidence={
            "prompt": clip(worst[0][0].prompt, 600),
            "reference": clip(worst[0][0].gold, 600),
            "fraction_regressed": brief(fmean(forgotten)),
            "mean_delta": brief(mean_delta),
            "topics": {topic: brief(fmean(lifts)) for topic, lifts in _by_topic(counted).items()},
            "worst_offenders": fit([_row(*s) for s in worst[:OFFENDERS]], 5000),
        },
    )


def _by_topic(counted: list[Scored]) -> dict[str, list[float]]:
    lifts: dict[str, list[float]] = {}
    for fact, found in counted:
        lifts.setdefault(fact.topic, []).append(found.lift)
    return lifts


def _row(fact: Fact, found: Levels) -> dict[str, Any]:
    return {
        "topic": fact.topic,
        "prompt": clip(fact.prompt),
        "gold": clip(fact.gold, 80),
        "delta": brief(found.lift),
        "base": brief(found.base),
        "tuned": brief(found.tuned),
    }
