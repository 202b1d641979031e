"""Does the model still read ordinary prose as well as it did?

Scores passages of public domain English under the base and the tuned model. The harm of a passage
is its log-probability under the base less that under the tuned model, in nats a token of the model's
own tokenizer: positive where the tuned model finds the passage more surprising. The statistic is the
mean harm over passages; the perplexity ratio is its exponential.

Tells you: how much general fluency the adapter costs, as perplexity on text unlike yours.

Cannot tell you: which knowledge went (calibration_drift asks for facts), or whether text in other
languages or styles suffers.

References:
    Jelinek, F. et al. (1977). Perplexity, a measure of the difficulty of speech recognition tasks. JASA 62.
"""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from pydantic import Field

from sway.core.errors import RequestError
from sway.core.measurement import Category, Claim, Measurement
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.requests import RollingLogprob, SpanScore
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit
from sway.probes.packs import Passage, passages


class Params(CommonParams):
    """Which text, how much of it, and how much worse it may be read."""

    corpus: Literal["public_domain_en"] = Field(default="public_domain_en", description="A text pack of sway's.")
    chunk_chars: int = Field(default=2048, ge=128, description="Most characters of a passage scored at once.")
    max_chunks: int = Field(default=16, ge=1, description="How many chunks to score, from different works first.")
    assert_mean_delta_gte: float = Field(
        default=-0.1,
        allow_inf_nan=False,
        description="Least change of the mean log-probability, tuned less base, in nats a token.",
    )


@probe(
    Category.CALIBRATION,
    Claim.NON_INFERIORITY,
    Params,
    measures="mean loss of log-probability on ordinary prose",
    unit="nats/token",
    better="lower",
    sample="passage",
)
def external_perplexity(params: Params, context: Context) -> Asking:
    """Ask both models to score every chunk."""
    del context
    chunks = _chunks(passages(params.corpus), params.chunk_chars)[: params.max_chunks]
    asked = [(c, RollingLogprob(BASE, c.text), RollingLogprob(TUNED, c.text)) for c in chunks]
    got = yield [question for _, *both in asked for question in both]
    levels = [(c, _level(got[base]), _level(got[tuned])) for c, base, tuned in asked]
    harm = [base - tuned for _, base, tuned in levels]
    worst_first = sorted(levels, key=lambda row: row[2] - row[1])
    rows = [
        {"work": clip(c.title, 80), "delta": brief(tuned - base), "base": brief(base), "tuned": brief(tuned)}
        for c, base, tuned in worst_first
    ]
    return Measurement(
        raw=fmean(harm),
        samples=harm,
        items=[c.text for c in chunks],
        bar=-params.assert_mean_delta_gte,
        base_value=fmean(base for _, base, _ in levels),
        tuned_value=fmean(tuned for _, _, tuned in levels),
        evidence={"corpus": params.corpus, "mean_delta": brief(-fmean(harm)), "chunks": fit(rows)},
    )


def _chunks(texts: tuple[Passage, ...], size: int) -> list[Passage]:
    """Chunks of at most `size` characters, cut between words: the first of every work, then the second, and so on."""
    cut = [_cut(p, size) for p in texts]
    return [parts[i] for i in range(max(map(len, cut))) for parts in cut if i < len(parts)]


def _cut(passage: Passage, size: int) -> list[Passage]:
    rest, parts = passage.text.strip(), []
    while rest:
        end = len(rest) if len(rest) <= size else (rest.rfind(" ", size // 2, size) + 1 or size)
        parts.append(passage.model_copy(update={"text": rest[:end].strip()}))
        rest = rest[end:].strip()
    # A last piece of a few words is scored with hardly any context: it would say little.
    return parts[:-1] if len(parts) > 1 and len(parts[-1].text) < size // 4 else parts


def _level(score: SpanScore) -> float:
    if not score.tokens:
        raise RequestError("a passage has no token to score")
    return score.mean
