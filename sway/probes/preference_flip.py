"""Does it now prefer the answers that you chose?

The margin of a triple is the mean log-probability of the chosen answer less that of the rejected one after
the prompt, in nats a token of each. Over the triples that the base gets wrong (margin 0 or less), the
statistic is the share that the tuned model gets right. Where those are fewer than `min_triples_for_decision`,
it is the mean change of the margin over all: at best that warns, and a margin that shrank fails.

Tells you: whether training on preferences turned the model's own preferences, and which it did not.

Cannot tell you: whether it writes such answers freely, or whether it only learned these by heart.

References:
    Rafailov, R. et al. (2023). Direct preference optimization. NeurIPS, for the implicit margin.
    Meng, Y. et al. (2024). SimPO. NeurIPS, for its normalization by length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

from pydantic import Field, model_validator

from sway.core.errors import SkipProbe
from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, CalibratedParams, Context, probe
from sway.core.requests import Answers, Chat
from sway.core.sections import Preference
from sway.probes.evidence import brief, clip, fit
from sway.probes.lift import levels, of_triples, telling
from sway.stats.resampling import mean_interval


class Params(CalibratedParams):
    """Which preferences, and how many of them must have turned."""

    triples: tuple[Preference, ...] = Field(
        default=(), description="Prompts with a chosen and a rejected answer; without any, the preference sections'."
    )
    assert_flip_rate_gte: float = Field(
        default=0.7, ge=0, le=1, description="Least share of what the base gets wrong that must be right."
    )
    min_triples_for_decision: int = Field(
        default=3, ge=1, description="Fewest triples that the base gets wrong for that share to be judged."
    )

    @model_validator(mode="after")
    def _two_answers(self) -> Self:
        if same := [i for i, t in enumerate(self.triples) if t.chosen == t.rejected]:
            raise ValueError(f"triples[{same[0]}]: chosen and rejected are the same")
        return self


@dataclass(frozen=True)
class _Margin:
    """How much likelier the chosen answer is than the rejected one under both models, in nats a token."""

    triple: Preference
    base: float
    tuned: float
    change: float


@probe(
    Category.ATTRIBUTION,
    Claim.SUPERIORITY,
    Params,
    measures="share of wrong preferences that it turned",
    unit="",
    calibrated=True,
    sample="triple",
)
def preference_flip(params: Params, context: Context) -> Asking:
    """Ask both models to score both answers of every triple."""
    triples: Sequence[Preference] = params.triples or [p for s in context.sections for p in s.preferences]
    if not triples:
        raise SkipProbe("there are no preferences to judge", "add triples: to the probe, or preference sections")
    got = yield of_triples(triples, base_only=context.null)
    if context.null:
        triples = telling(triples, got, params.min_triples_for_decision)
        got = yield of_triples(triples)
    margins = [_margin(t, got) for t in triples]
    wrong = [m for m in margins if m.base <= 0]
    if len(wrong) < params.min_triples_for_decision:
        return _change(params, margins, len(wrong), context.seed)
    flipped = [float(m.tuned > 0) for m in wrong]
    return Measurement(
        raw=fmean(flipped),
        samples=flipped,
        items=[m.triple.model_dump_json() for m in wrong],
        scale="share",
        bar=params.assert_flip_rate_gte,
        base_value=fmean(m.base > 0 for m in margins),
        tuned_value=fmean(m.tuned > 0 for m in margins),
        note=_note(margins),
        evidence=_evidence(sorted(wrong, key=lambda m: m.tuned), margins, context.seed),
    )


def _margin(triple: Preference, got: Answers) -> _Margin:
    chosen, rejected = (levels(Chat.ask(triple.prompt), answer, got) for answer in (triple.chosen, triple.rejected))
    return _Margin(triple, chosen.base - rejected.base, chosen.tuned - rejected.tuned, chosen.lift - rejected.lift)


def _change(params: Params, margins: Sequence[_Margin], wrong: int, seed: int) -> Measurement:
    """What can be said where the base gets next to nothing wrong: a margin that shrank decides by itself."""
    changes = [m.change for m in margins]
    grown = Check("mean_margin_change", fmean(changes), low=0.0)
    few = Check("triples_the_base_gets_wrong", wrong, low=params.min_triples_for_decision, soft=True)
    return Measurement(
        raw=fmean(changes),
        samples=changes,
        items=[m.triple.model_dump_json() for m in margins],
        bar=0.0 if grown.holds else None,
        checks=(grown, few),
        base_value=fmean(m.base for m in margins),
        tuned_value=fmean(m.tuned for m in margins),
        note=_note(margins),
        evidence=_evidence(sorted(margins, key=lambda m: m.change), margins, seed),
        measures="mean change of the margin",
        unit="nats/token",
    )


def _note(margins: Sequence[_Margin]) -> str:
    return f"it lost {lost} that the base had right" if (lost := sum(m.base > 0 >= m.tuned for m in margins)) else ""


def _evidence(worst: Sequence[_Margin], margins: Sequence[_Margin], seed: int) -> dict[str, Any]:
    interval = mean_interval([m.change for m in margins], seed=seed)
    return {
        "prompt": worst[0].triple.prompt[:600],
        "reference": worst[0].triple.chosen[:1200],
        "triples": len(margins),
        "wrong": sum(m.base <= 0 for m in margins),
        "lost": sum(m.base > 0 >= m.tuned for m in margins),
        "mean_margin_base": brief(fmean(m.base for m in margins)),
        "mean_margin_tuned": brief(fmean(m.tuned for m in margins)),
        "margin_change": brief(fmean(m.change for m in margins)),
        "margin_change_ci_95": [brief(interval.low), brief(interval.high)] if interval else None,
        "rows": fit([_row(m) for m in worst], 5500),
    }


def _row(found: _Margin) -> dict[str, Any]:
    triple = found.triple
    texts = {"prompt": clip(triple.prompt), "chosen": clip(triple.chosen), "rejected": clip(triple.rejected)}
    return {**texts, "margin_base": brief(found.base), "margin_tuned": brief(found.tuned)}
