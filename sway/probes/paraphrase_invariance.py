"""Did it learn the meaning of your answers, or only the wording of the questions?

The lift of an answer is its log-probability after a question under the tuned model less that under the
base, in nats a token, less the mean lift of control answers that were not trained on, where that is
positive. It is measured after each case's own question (verbatim) and its paraphrases. The statistic is the
mean verbatim lift; the generalization ratio is the mean lift after paraphrases over it. The ratio decides
whatever the statistic: it has a lower bound where the `intent` is to generalize, an upper one to memorize.

Tells you: whether what was learned carries over to other wordings, and which cases do not.

Cannot tell you: whether the tuned model says the answer when it writes freely (adapter_revert does).

References:
    Elazar, Y. et al. (2021). Measuring and improving consistency in pretrained language models. TACL 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.requests import Chat
from sway.core.sections import QA, SectionKind
from sway.probes.evidence import brief, clip, fit
from sway.probes.lift import Levels, both, controls_of, levels, lifted, questions
from sway.stats.ratios import Ratio, ratio_of_means


class Case(QA):
    """A question as it was trained on, its answer, and other ways to ask it."""

    paraphrases: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _other_words(self) -> Self:
        if self.prompt in self.paraphrases:
            raise ValueError("a paraphrase repeats the prompt word for word")
        return self


class Params(CommonParams):
    """The cases, what you want of the adapter, and how much of it."""

    cases: tuple[Case, ...] = Field(min_length=1, description="Questions with their answers and paraphrases.")
    intent: Literal["generalize", "memorize", "both"] = Field(
        default="generalize", description="What the ratio must show; with both it is only reported."
    )
    min_verbatim_lift: float = Field(
        default=0.2, gt=0, allow_inf_nan=False, description="Least mean lift after the own questions, in nats a token."
    )
    min_generalization_ratio: float = Field(
        default=0.5, allow_inf_nan=False, description="Least ratio where the intent is to generalize."
    )
    max_generalization_ratio_if_memorize: float = Field(
        default=0.5, allow_inf_nan=False, description="Greatest ratio where the intent is to memorize."
    )


@dataclass(frozen=True)
class _Lifts:
    """A case's lift after its own question and after each paraphrase, in nats a token, less the general lift."""

    case: Case
    own: Levels
    verbatim: float
    others: tuple[float, ...]
    paraphrased: float

    def telling(self, memorize: bool) -> str:
        """The paraphrase that speaks most against the intent."""
        return self.case.paraphrases[self.others.index((max if memorize else min)(self.others))]


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
    asked = [q for s in controls for q in questions(s)]
    wordings = [(c, p) for c in params.cases for p in (c.prompt, *c.paraphrases * (not context.statistic_only))]
    got = yield asked + [q for c, p in wordings for q in both(Chat.ask(p), c.gold)]
    general = max(fmean(found := [lifted(s, got).lift for s in controls]), 0.0)
    if context.statistic_only:
        return Measurement(fmean(levels(Chat.ask(c.prompt), c.gold, got).lift - general for c in params.cases))
    lifts = []
    for case in params.cases:
        own, *others = (levels(Chat.ask(p), case.gold, got) for p in (case.prompt, *case.paraphrases))
        after = tuple(o.lift - general for o in others)
        lifts.append(_Lifts(case, own, own.lift - general, after, fmean(after)))
    verbatim = [x.verbatim for x in lifts]
    ratio = ratio_of_means([x.paraphrased for x in lifts], verbatim, seed=context.seed)
    return Measurement(
        raw=fmean(verbatim),
        samples=verbatim,
        items=[case.model_dump_json() for case in params.cases],
        reference=[(x - general) * bool(general) for x in found],
        reference_items=[s.text for s in controls],
        bar=params.min_verbatim_lift,
        checks=_checks(params, ratio),
        base_value=fmean(x.own.base for x in lifts),
        tuned_value=fmean(x.own.tuned for x in lifts),
        note=f"generalization ratio {ratio}" if ratio else "no ratio without a verbatim lift",
        evidence={**_evidence(params, lifts, ratio), "general_lift": brief(fmean(found))},
    )


def _checks(params: Params, ratio: Ratio | None) -> tuple[Check, ...]:
    """The ratio must lie on the right side of its bound; where its interval reaches across, that is not settled."""
    if ratio is None or params.intent == "both":
        return ()
    whole = Check("generalization_ratio", ratio.value, low=params.min_generalization_ratio)
    if params.intent == "memorize":
        high = params.max_generalization_ratio_if_memorize
        whole = Check("generalization_ratio", ratio.value, high=high)
    if ratio.interval is None or not whole.holds:
        return (whole,)
    end = ratio.interval.low if params.intent == "generalize" else ratio.interval.high
    return (whole, replace(whole, name="far_end_of_its_interval", value=end, soft=True))


def _evidence(params: Params, lifts: list[_Lifts], ratio: Ratio | None) -> dict[str, Any]:
    memorize = params.intent == "memorize"
    bound = params.max_generalization_ratio_if_memorize if memorize else params.min_generalization_ratio
    worst = sorted(lifts, key=lambda x: x.paraphrased - bound * x.verbatim, reverse=memorize)
    return {
        "prompt": worst[0].telling(memorize)[:600],
        "reference": worst[0].case.gold[:1200],
        "generalization_ratio": brief(ratio.value) if ratio else None,
        "paraphrase_lift": brief(fmean(x.paraphrased for x in lifts)),
        "cases": fit([_row(x, memorize) for x in worst], 6000),
    }


def _row(found: _Lifts, memorize: bool) -> dict[str, Any]:
    case, telling = found.case, found.telling(memorize)
    texts = {"prompt": clip(case.prompt), "paraphrase": clip(telling), "gold": clip(case.gold)}
    return {**texts, "verbatim_lift": brief(found.verbatim), "paraphrase_lifts": [*map(brief, found.others[:8])]}
