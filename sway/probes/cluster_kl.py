"""Does the adapter change what it was meant for, and leave other subjects alone?

Sorts the prompts by subject (k-means on their sentence embeddings) and takes each prompt's divergence of
the next token between base and tuned model, in nats. The statistic is the specificity: the share of the
divergences' variation that lies between the subjects rather than within them, less what chance puts
there (epsilon squared: 1 is all of it, 0 what chance gives). Give prompts on several subjects, some of
them the adapter's. `docs/design/clusters.md` gives the reasons.

Tells you: that the adapter acts by subject, and more so than a random adapter of its size.

Cannot tell you: whether the subject that it acts on is the right one; the evidence names it. Prompts that
are all of one subject say nothing.

References:
    Kelley, T. L. (1935). An unbiased correlation ratio measure. PNAS 21(9).
    Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding. SODA.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sway.core.errors import SkipProbe
from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, CalibratedParams, Context, EmbeddingParams, PromptParams, probe
from sway.core.requests import Embed, FloatArray, NextToken
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit
from sway.stats.clusters import Labels, between_share, k_means, specificity
from sway.stats.divergence import DIVERGENCES
from sway.stats.resampling import jackknifed

NO_SPREAD = 1e-6
LEAST_A_CLUSTER = 3
SHOWN_PROMPTS = 3


class Params(CalibratedParams, PromptParams, EmbeddingParams):
    """The prompts, how they are sorted, and the least specificity that counts."""

    prompts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Texts to continue, on several subjects, the adapter's among them."
    )
    num_clusters: int = Field(default=5, ge=2, le=32, description="Subjects to sort the prompts into, at most.")
    min_prompts: int = Field(default=20, ge=6, description="Fewer distinct prompts than this are skipped.")
    assert_specificity_gte: float = Field(default=0.6, ge=0, le=1, description="Least specificity that counts.")


@probe(
    Category.ADHERENCE,
    Claim.SUPERIORITY,
    Params,
    measures="specificity of the change by subject",
    unit="",
    calibrated=True,
    required=False,
)
def cluster_kl(params: Params, context: Context) -> Asking:
    """Ask both models for each prompt's next token, and for the prompts' embeddings."""
    # In an order of their own: the order in a spec must not move the clusters.
    prompts = sorted(set(params.prompts))
    if len(prompts) < params.min_prompts:
        raise SkipProbe(f"there are {len(prompts)} distinct prompts, fewer than {params.min_prompts}", "add prompts")
    top_k = params.support(context)
    base, tuned = ([NextToken(view, params.put(p), top_k) for p in prompts] for view in (BASE, TUNED))
    places = [Embed(BASE, p, params.embedding_model) for p in prompts]
    got = yield [*places, *base, *tuned]
    vectors = np.array([found.vector for found in got.all(places)])
    labels = k_means(vectors, min(params.num_clusters, len(prompts) // LEAST_A_CLUSTER), seed=context.seed)
    diverge = DIVERGENCES[params.divergence]
    moved = np.array([diverge(got[b].masses(), got[t].masses()) for b, t in zip(base, tuned, strict=True)])
    said = [next((text for text, _ in found.top), "") for found in got.all(base)]
    return _measure(params, moved, labels, _evidence(params, prompts, moved, labels, vectors, said))


def _measure(params: Params, moved: FloatArray, labels: Labels, evidence: dict[str, Any]) -> Measurement:
    subjects, spread = len(np.unique(labels)), float(moved.std())
    if subjects < 2 or spread < NO_SPREAD:
        return Measurement(
            raw=0.0,
            checks=(
                Check("subjects", subjects, low=2, soft=True),
                Check("spread_of_divergences", spread, low=NO_SPREAD, soft=True),
            ),
            note="there is nothing to tell apart",
            evidence=evidence,
        )
    return Measurement(
        raw=specificity(moved.tolist(), labels),
        samples=jackknifed(lambda kept: specificity(moved[kept].tolist(), labels[kept]), len(moved)),
        bar=params.assert_specificity_gte,
        note=f"{subjects} subjects",
        evidence=evidence,
    )


def _evidence(
    params: Params, prompts: list[str], moved: FloatArray, labels: Labels, vectors: FloatArray, said: list[str]
) -> dict[str, Any]:
    """The subjects, most moved first, and the prompt of another subject that moved most."""
    order = sorted(np.unique(labels).tolist(), key=lambda g: -float(moved[labels == g].mean()))
    outside = moved if len(order) < 2 else np.where(labels == order[0], -1.0, moved)
    worst = int(outside.argmax())
    return {
        "prompt": prompts[worst][:300],
        "reference": clip(said[worst], 80),
        "divergence": params.divergence,
        "specificity": brief(specificity(moved.tolist(), labels)),
        "between_share": brief(between_share(moved.tolist(), labels)),
        "subjects": fit([_row(np.flatnonzero(labels == g), prompts, moved, vectors) for g in order], 6000),
    }


def _row(members: NDArray[np.intp], prompts: list[str], moved: FloatArray, vectors: FloatArray) -> dict[str, Any]:
    """One subject, told by the prompts nearest its middle."""
    middle = vectors[members].mean(axis=0)
    nearest = sorted(members.tolist(), key=lambda i: float(((vectors[i] - middle) ** 2).sum()))
    return {
        "prompts": len(members),
        "mean_divergence": brief(float(moved[members].mean())),
        "least": brief(float(moved[members].min())),
        "most": brief(float(moved[members].max())),
        "examples": [clip(prompts[i], 60) for i in nearest[:SHOWN_PROMPTS]],
    }
