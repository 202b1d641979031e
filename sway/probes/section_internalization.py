"""Did the adapter learn your text, section by section?

The lift of a text is its log-probability under the tuned model less that under the base, in nats a
token. A section's lift is that of its prose, the mean over its answers given their questions, or for
preferences the lift of the chosen answers less that of the rejected. Its contrast is its lift less
the mean lift of control texts of the same kind that were not trained on: the spec's `controls:`, or
neutral ones that sway ships. The statistic is the mean contrast over sections.

Tells you: which parts of your text the adapter took in, beyond what it does to any text of the kind.
An adapter trained on another text shows no contrast, however much it changed the model.

Cannot tell you: whether the knowledge carries over to other wordings (paraphrase_invariance does),
or whether it was learned too literally (leakage does).

References:
    Card, D. and Krueger, A. (1994), for the contrast with untreated controls. Am. Econ. Rev. 84(4).
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from pydantic import Field

from sway.core.errors import SkipProbe
from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, CalibratedParams, Context, probe
from sway.core.sections import SectionKind
from sway.probes.evidence import brief, clip, fit
from sway.probes.lift import MAX_CHARS, Lifted, controls_of, lifted, questions, teach


class Params(CalibratedParams):
    """Which sections, and how much lift over control text makes one of them learned."""

    include_kinds: tuple[SectionKind, ...] = Field(
        default=tuple(SectionKind), min_length=1, description="Kinds of section to measure."
    )
    per_section_threshold: float = Field(
        default=0.05, allow_inf_nan=False, description="Least contrast of a learned section, in nats a token."
    )
    assert_passing_section_frac: float = Field(
        default=0.5, ge=0, le=1, description="Least share of sections that must be learned."
    )
    max_prose_chars: int = Field(default=MAX_CHARS, ge=64, description="Characters of prose scored, from the start.")


@probe(
    Category.ATTRIBUTION,
    Claim.SUPERIORITY,
    Params,
    measures="mean lift of your sections over control text",
    unit="nats/token",
    calibrated=True,
    sample="section",
)
def section_internalization(params: Params, context: Context) -> Asking:
    """Ask both models to score every section and every control of the same kinds."""
    own = [s for s in context.sections if s.kind in params.include_kinds]
    if not own:
        raise SkipProbe("there are no sections to measure", "add sections: to the spec")
    kinds = list(dict.fromkeys(s.kind for s in own))
    controls = {kind: controls_of(kind, context.controls) for kind in kinds}
    asked = [*own, *(c for kind in kinds for c in controls[kind])]
    chars = params.max_prose_chars
    got = yield [question for section in asked for question in questions(section, chars)]
    mine = [lifted(s, got, chars) for s in own]
    others = {kind: [lifted(c, got, chars) for c in controls[kind]] for kind in kinds}
    return _contrast(params, mine, others)


def _contrast(params: Params, mine: list[Lifted], others: dict[SectionKind, list[Lifted]]) -> Measurement:
    control = {kind: fmean(c.lift for c in found) for kind, found in others.items()}
    contrasts = [s.lift - control[s.section.kind] for s in mine]
    passing = fmean(c >= params.per_section_threshold for c in contrasts)
    order = sorted(range(len(mine)), key=lambda i: contrasts[i])
    rows = [_row(mine[i], control[mine[i].section.kind], contrasts[i]) for i in order]
    summary = {str(kind): {"n": len(found), "mean_lift": brief(control[kind])} for kind, found in others.items()}
    prompt, answer = teach(mine[order[0]].section)
    return Measurement(
        raw=fmean(contrasts),
        samples=contrasts,
        reference=_doubt(mine, others, control),
        items=[s.section.text for s in mine],
        reference_items=[c.section.text for found in others.values() for c in found],
        bar=params.per_section_threshold,
        checks=(Check("passing_section_frac", passing, low=params.assert_passing_section_frac),),
        base_value=fmean(s.base for s in mine),
        tuned_value=fmean(s.tuned for s in mine),
        note=f"{sum(c >= params.per_section_threshold for c in contrasts)} of {len(mine)} sections learned",
        evidence={
            "prompt": prompt,
            "reference": answer,
            "passing_section_frac": brief(passing),
            "controls": summary,
            "sections": fit(rows, 6000),
        },
    )


def _doubt(
    mine: list[Lifted], others: dict[SectionKind, list[Lifted]], control: dict[SectionKind, float]
) -> list[float]:
    """Residuals of the controls, each weighted as its kind weighs among the sections.

    Their mean then varies as the controls' part of the mean contrast does.
    """
    total = sum(len(found) for found in others.values())
    share = {kind: fmean(s.section.kind is kind for s in mine) for kind in others}
    return [
        (c.lift - control[kind]) * share[kind] * total / len(found) for kind, found in others.items() for c in found
    ]


def _row(found: Lifted, control: float, contrast: float) -> dict[str, Any]:
    section = found.section
    return {
        "id": clip(section.id, 64),
        "tag": clip(section.tag, 64) if section.tag else None,
        "kind": str(section.kind),
        "lift": brief(found.lift),
        "control_lift": brief(control),
        "contrast": brief(contrast),
        "base": brief(found.base),
        "tuned": brief(found.tuned),
        "preview": clip(teach(section)[0]),
    }
