"""Does the adapter change what the model says next?

Asks the base and the tuned model for the distribution of the token after each prompt and takes the
divergence between the two, in nats: Jensen-Shannon (0 to 0.693) or Kullback-Leibler of the tuned
from the base. The statistic is the mean over prompts. Both distributions are taken on the tokens
that the base finds likeliest and one bucket for all the others.

Tells you: that the adapter acts on these prompts, and by more than a random adapter of its size.

Cannot tell you: whether it acts toward your text. An adapter trained on something else changes the
model as much; section_internalization tells the two apart.

References:
    Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Trans. Inf. Theory 37(1).
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from pydantic import Field

from sway.core.measurement import Category, Claim, Measurement
from sway.core.probe import Asking, CalibratedParams, Context, PromptParams, probe
from sway.core.requests import NextToken, TokenDist
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit
from sway.stats.divergence import DIVERGENCES

SHOWN_TOKENS = 3


class Params(CalibratedParams, PromptParams):
    """The prompts, and the least mean divergence that counts as a change."""

    assert_mean_gte: float = Field(
        default=0.02, ge=0, allow_inf_nan=False, description="Least mean divergence that counts, in nats."
    )


@probe(
    Category.ADHERENCE,
    Claim.SUPERIORITY,
    Params,
    measures="mean divergence of the next token",
    unit="nats",
    calibrated=True,
    log_scale=True,
)
def delta_kl(params: Params, context: Context) -> Asking:
    """Ask both models for each prompt's next token."""
    top_k = params.support(context)
    pairs = [(p, NextToken(BASE, params.put(p), top_k), NextToken(TUNED, params.put(p), top_k)) for p in params.prompts]
    got = yield [question for _, *both in pairs for question in both]
    diverge = DIVERGENCES[params.divergence]
    found = [(p, got[base], got[tuned]) for p, base, tuned in pairs]
    moved = [diverge(base.masses(), tuned.masses()) for _, base, tuned in found]
    rows = [_row(p, base, tuned, d) for (p, base, tuned), d in zip(found, moved, strict=True)]
    return Measurement(
        raw=fmean(moved),
        samples=moved,
        items=params.prompts,
        bar=params.assert_mean_gte,
        evidence={"divergence": params.divergence, "max": brief(max(moved)), "per_prompt": fit(rows)},
    )


def _row(prompt: str, base: TokenDist, tuned: TokenDist, divergence: float) -> dict[str, Any]:
    """One prompt: how far it moved, and which tokens came into the tuned model's likeliest or left them."""
    before, after = [t for t, _ in base.top], [t for t, _ in tuned.top]
    return {
        "prompt": clip(prompt),
        "divergence": brief(divergence),
        "gained": [clip(t, 40) for t in after if t not in before][:SHOWN_TOKENS],
        "lost": [clip(t, 40) for t in before if t not in after][:SHOWN_TOKENS],
    }
