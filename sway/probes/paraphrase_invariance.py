"""Did it learn the meaning of your answers, or only the wording of the questions?

The lift of an answer is its log-probability after a question under the tuned model less that under the
base, in nats a token, less the mean lift of control answers that were not trained on, where that is
positive. It is measured after each case's own question (verbatim) and its paraphrases. The statistic is the
mean verbatim lift. An answer's gain is its lift less that of the same answer after other cases' questions:
what comes after any question was not learned as an answer, so that the mean gain must reach 0.05 nats. The
generalization ratio is the share of the gains that paraphrases bring, each of them none at least and all at
most. It decides whatever the statistic: it has a lower bound where the `intent` is to generalize, an upper
one to memorize.

Tells you: whether what was learned carries over to other wordings, and which cases do not.

Cannot tell you: whether the tuned model says the answer when it writes freely (adapter_revert does).

References:
    Elazar, Y. et al. (2021). Measuring and improving consistency in pretrained language models. TACL 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, CalibratedParams, Context, probe
from sway.core.sections import SectionKind
from sway.probes.evidence import brief, clip, fit
from sway.probes.lift import controls_of, lifted, questions
from sway.probes.wordings import Case, Lifts, wordings
from sway.stats.ratios import Ratio, ratio_of_means
from sway.stats.resampling import mean_interval

LEAST_TIED = 0.05
"""Nats a token that an answer must gain after its own question over others."""


class Params(CalibratedParams):
    """The cases, what you want of the adapter, and how much of it."""

    cases: tuple[Case, ...] = Field(min_length=1, description="Questions with their answers and paraphrases.")
    intent: Literal["generalize", "memorize", "both"] = Field(
        default="generalize", description="What the ratio must show; with both it is only reported."
    )
    min_verbatim_lift: float = Field(
        default=0.2, gt=0, allow_inf_nan=False, description="Least mean lift after the own questions, in nats a token."
    )
    min_generalization_ratio: float = Field(
        default=0.3, allow_inf_nan=False, description="Least ratio where the intent is to generalize."
    )
    max_generalization_ratio_if_memorize: float = Field(
        default=0.3, allow_inf_nan=False, description="Greatest ratio where the intent is to memorize."
    )


@probe(
    Category.ATTRIBUTION,
    Claim.SUPERIORITY,
    Params,
    measures="mean lift of your answers",
    unit="nats/token",
    calibrated=True,
    sample="case",
)
def paraphrase_invariance(params: Params, context: Context) -> Asking:
    """Ask both models to score every answer after every wording of its question."""
    controls = controls_of(SectionKind.INSTRUCTION, context.controls)
    worded = wordings(params.cases)
    asked = [q for w in worded for q in w.questions(verbatim_only=context.null)]
    got = yield [*asked, *(q for s in controls for q in questions(s))]
    found = [lifted(s, got).lift for s in controls]
    general = max(fmean(found), 0.0)
    own = [w.verbatim(got) for w in worded]
    verbatim = [x.lift - general for x in own]
    measured = Measurement(
        raw=fmean(verbatim),
        samples=verbatim,
        items=[case.model_dump_json() for case in params.cases],
        reference=[(x - general) * bool(general) for x in found],
        reference_items=[s.text for s in controls],
        bar=params.min_verbatim_lift,
        base_value=fmean(x.base for x in own),
        tuned_value=fmean(x.tuned for x in own),
    )
    if context.null:
        return measured
    lifts = [w.lifts(got, general) for w in worded]
    ratio = ratio_of_means([x.carried for x in lifts], [x.to_carry for x in lifts], seed=context.seed)
    return replace(
        measured,
        checks=_checks(params, lifts, ratio, context.seed),
        note=f"generalization ratio {ratio}" if ratio else "no ratio without a lift of its own",
        evidence={**_evidence(params, lifts, ratio), "general_lift": brief(fmean(found))},
    )


def _checks(params: Params, lifts: Sequence[Lifts], ratio: Ratio | None, seed: int) -> tuple[Check, ...]:
    """The ratio must lie on the right side of its bound; where its interval reaches across, that is not settled.

    Before that, answers must gain by their question: those that come after any were learned, but not as answers.
    """
    if fmean(x.verbatim for x in lifts) < params.min_verbatim_lift:
        return ()  # the statistic fails by itself
    gains = [x.gain for x in lifts]
    tied = Check("lift_over_other_questions", fmean(gains), low=LEAST_TIED)
    if ratio is None or not tied.holds:
        return (tied,)
    if interval := mean_interval(gains, seed=seed):
        tied = replace(tied, name="lift_over_other_questions_at_worst", value=interval.low, soft=True)
    if params.intent == "both":
        return (tied,)
    whole = Check("generalization_ratio", ratio.value, low=params.min_generalization_ratio)
    if params.intent == "memorize":
        high = params.max_generalization_ratio_if_memorize
        whole = Check("generalization_ratio", ratio.value, high=high)
    return (tied, whole, *([_settled(params, whole, lifts, ratio)] if whole.holds else []))


def _settled(params: Params, whole: Check, lifts: Sequence[Lifts], ratio: Ratio) -> Check:
    """Whether the ratio's interval lies on the same side; where one case makes the ratio there is none."""
    if ratio.interval is None:
        return Check("cases_with_a_gain", sum(x.gain > 0 for x in lifts), low=2, soft=True)
    end = ratio.interval.low if params.intent == "generalize" else ratio.interval.high
    return replace(whole, name="far_end_of_its_interval", value=end, soft=True)


def _evidence(params: Params, lifts: Sequence[Lifts], ratio: Ratio | None) -> dict[str, Any]:
    memorize = params.intent == "memorize"
    bound = params.max_generalization_ratio_if_memorize if memorize else params.min_generalization_ratio
    worst = sorted(lifts, key=lambda x: (x.carried - bound * x.to_carry, x.paraphrased), reverse=memorize)
    return {
        "prompt": worst[0].telling(memorize)[:600],
        "reference": worst[0].case.gold[:1200],
        "generalization_ratio": brief(ratio.value) if ratio else None,
        "paraphrase_lift": brief(fmean(x.paraphrased for x in lifts)),
        "lift_after_other_questions": brief(fmean(x.elsewhere for x in lifts)),
        "cases": fit([_row(x, memorize) for x in worst], 6000),
    }


def _row(found: Lifts, memorize: bool) -> dict[str, Any]:
    case, telling = found.case, found.telling(memorize)
    texts = {"prompt": clip(case.prompt), "paraphrase": clip(telling), "gold": clip(case.gold)}
    lifts = [brief(x) for x in found.others[:8]]
    return {**texts, "verbatim_lift": brief(found.verbatim), "paraphrase_lifts": lifts}
