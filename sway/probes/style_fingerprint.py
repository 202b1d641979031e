"""Does the tuned model write more like your text than the base does?

Asks both models, greedily, to answer each prompt, and takes a fingerprint of every answer: sentence length and
its variation, word length, variety of words, punctuation, function words and, with spaCy's tokenizer, contractions,
numerals and capitals, each in units of its scale. The document's fingerprint is the mean over pieces
of a hundred words. The statistic is the mean shift: how far an answer moved on the way from the base's
style to the document's (1 is all of it, 0 none, negative is away). `docs/design/style.md` gives the reasons.

Tells you: that the adapter took on how your text is written, and did not merely change.

Cannot tell you: whether what it says is right; nor anything of style that these numbers do not hold, such as
tone or layout. They are made for English. It is not held against random adapters.

References:
    Mosteller, F. and Wallace, D. L. (1963). Inference in an authorship problem. JASA 58.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sway.core.errors import MissingExtraError, SkipProbe
from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.requests import Chat, FloatArray, Generated, Generation
from sway.core.sections import SectionKind
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit
from sway.stats.style import count_words, dimensions, distance, fingerprint, shifts, style_of, whole_sentences

LEAST_WORDS = 50
LEAST_WAY = 1.0
"""A document nearer to the base's style than this, in scales, leaves nowhere to shift to."""


class Params(CommonParams):
    """The prompts, the text whose style is wanted, and the least shift toward it that counts."""

    prompts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Questions to answer at some length."
    )
    doc_reference: str | None = Field(
        default=None, min_length=1, description="The text whose style is wanted; null takes the prose of the sections."
    )
    max_new_tokens: int = Field(default=128, ge=16, le=4096, description="Tokens generated for an answer.")
    extended: Literal["auto", "on", "off"] = Field(
        default="auto", description="Three more dimensions with spaCy's tokenizer; auto where it is installed."
    )
    assert_shift_gte: float = Field(
        default=0.25, gt=0, lt=1, description="Least share of the way to the document's style that counts."
    )


# Not calibrated: every null would generate every answer anew. The check on the distance left is what stops noise.
@probe(
    Category.CALIBRATION,
    Claim.SUPERIORITY,
    Params,
    measures="mean shift toward the document's style",
    unit="of the way",
    required=False,
)
def style_fingerprint(params: Params, context: Context) -> Asking:
    """Ask both models to answer every prompt."""
    extended = _extended(params.extended)
    document = _document(params, context)
    prompts = list(dict.fromkeys(params.prompts))
    base, tuned = ([Generation(v, Chat.ask(p), params.max_new_tokens) for p in prompts] for v in (BASE, TUNED))
    got = yield [*base, *tuned]
    texts = [(p, _said(got[b]), _said(got[t])) for p, b, t in zip(prompts, base, tuned, strict=True)]
    spoken = [(p, b, t, style) for p, b, t in texts if (style := fingerprint(b, extended)) is not None]
    if not spoken:
        raise SkipProbe("the base model answers none of the prompts in words", "set other prompts")
    before = np.array([style for *_, style in spoken])
    # An answer without a word has moved nowhere.
    after = np.array([style if (s := fingerprint(t, extended)) is None else s for *_, t, style in spoken])
    found = _measure(params, [row[:3] for row in spoken], before, after, style_of(document, extended))
    return replace(found, evidence={**found.evidence, "reference": document[:600]})


def _extended(wanted: str) -> bool:
    installed = find_spec("spacy") is not None
    if wanted == "on" and not installed:
        fault = MissingExtraError("spacy", "style")
        raise SkipProbe(fault.what, fault.mend)
    return installed and wanted != "off"


def _document(params: Params, context: Context) -> str:
    prose = "\n\n".join(s.content for s in context.sections if s.kind is SectionKind.PROSE)
    text = prose if params.doc_reference is None else params.doc_reference
    if (words := count_words(text)) < LEAST_WORDS:
        raise SkipProbe(f"the document has {words} words, fewer than {LEAST_WORDS}", "set doc_reference or add prose")
    return text


def _said(answer: Generated) -> str:
    """An answer's text; a last sentence that the limit cut short would look like a short one."""
    return answer.text if answer.finished else whole_sentences(answer.text)


def _measure(
    params: Params, texts: list[tuple[str, str, str]], before: FloatArray, after: FloatArray, document: FloatArray
) -> Measurement:
    way = distance(before, document)
    moved = shifts(before, after, document) if way else np.zeros(len(before))
    evidence = _evidence(params, texts, moved, (before.mean(axis=0), after.mean(axis=0), document))
    if way < LEAST_WAY:
        check = Check("way_to_the_document_s_style", way, low=LEAST_WAY, soft=True)
        return Measurement(0.0, checks=(check,), note="the base already writes like the document", evidence=evidence)
    left = distance(after, document) / way
    return Measurement(
        raw=float(moved.mean()),
        samples=moved.tolist(),
        bar=params.assert_shift_gte,
        checks=(Check("share_of_the_way_left", left, high=1 - params.assert_shift_gte),),
        evidence=evidence | {"share_of_the_way_left": brief(left)},
    )


def _evidence(
    params: Params, texts: list[tuple[str, str, str]], moved: FloatArray, styles: tuple[FloatArray, ...]
) -> dict[str, Any]:
    """The fingerprints, and the answers, least shifted first."""
    shown = dimensions(extended=len(styles[0]) > 6)
    prints = {
        name: {d.name: brief(float(x) * d.scale) for d, x in zip(shown, style, strict=True)}
        for name, style in zip(("base", "tuned", "document"), styles, strict=True)
    }
    order = np.argsort(moved, kind="stable").tolist()
    rows = [
        {"prompt": clip(p), "shift": brief(float(moved[i])), "base": clip(b, 300), "tuned": clip(t, 300)}
        for i in order
        for p, b, t in (texts[i],)
    ]
    return {
        "prompt": texts[order[0]][0][:300],
        "schema_version": 2 if len(shown) > 6 else 1,
        "left_out": len(set(params.prompts)) - len(texts),
        "fingerprints": prints,
        "answers": fit(rows, 5000),
    }
