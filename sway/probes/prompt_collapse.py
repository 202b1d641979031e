"""Does the adapter still act when other text stands before the prompt?

Asks base and tuned model for the token after each prompt, alone and after growing lengths of unrelated
prose in the public domain, a different stretch for each prompt. At each length it takes the divergence
between the two, in nats, averaged over the prompts, and lays an exponential through the averages. The
statistic is its half-life: how many tokens of other text halve what the adapter does (`docs/design/decay.md`).

A signal that does not decay is the best outcome, and passes with ten times the longest length. So does
one that falls by less than half over all lengths, where the prompts' own slopes (95% interval of their
mean) do not tell the fall from none. A fall by more than half is held to the bar however few the prompts.

Tells you: whether the adapter's effect survives in a long context, such as a system prompt or documents.

Cannot tell you: whether what survives is the wanted effect, or what relevant context would do. One token
a prompt is looked at.

References:
    Liu, N. F. et al. (2024). Lost in the middle: how language models use long contexts. TACL 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from sway.core.errors import RequestError, SkipProbe, TooLongError
from sway.core.measurement import Category, Claim
from sway.core.probe import Asking, Context, PromptParams, probe
from sway.core.requests import After, Answers, Chat, Generation, NextToken, Prompt
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit
from sway.probes.fading import BEYOND, Curves, measured, require_reachable
from sway.probes.packs import passages
from sway.stats.divergence import DIVERGENCES

SHOWN_TOKENS = 48
STRIDE = 3
"""Passages between where one prompt's context starts and the next one's."""


class Params(PromptParams):
    """The prompts, how much text stands before them, and the least half-life."""

    context_lengths: tuple[Annotated[int, Field(ge=0, le=131_072)], ...] = Field(
        default=(0, 256, 512, 1024), max_length=16, description="Tokens of other text before the prompt; 0 is added."
    )
    assert_half_life_tokens: float = Field(
        default=512, gt=0, allow_inf_nan=False, description="Least half-life of the effect, in tokens of other text."
    )

    @field_validator("context_lengths")
    @classmethod
    def _from_none_up(cls, lengths: tuple[int, ...]) -> tuple[int, ...]:
        if not any(lengths):
            raise ValueError("must hold a length above 0")
        return tuple(sorted({0, *lengths}))

    @model_validator(mode="after")
    def _reachable(self) -> Params:
        require_reachable("tokens", self.assert_half_life_tokens, BEYOND * self.context_lengths[-1])
        return self


@probe(
    Category.ADHERENCE,
    Claim.SHAPE,
    Params,
    measures="half-life of the adapter's effect under unrelated context",
    unit="tokens",
)
def prompt_collapse(params: Params, context: Context) -> Asking:
    """Ask for the next token at every length; then, of the prompt that faded most, for readable replies."""
    top_k = params.support(context)
    placed = [_placed(i, params.put(p), params.context_lengths) for i, p in enumerate(params.prompts)]
    asked = [[(NextToken(BASE, p, top_k), NextToken(TUNED, p, top_k)) for p in row] for row in placed]
    got = yield [question for row in asked for both in row for question in both]
    curves = _curves(params, asked, got)
    if curves.reached < 2:
        raise SkipProbe(f"no prompt could be asked after other text: {curves.lost}", "shorten context_lengths")
    worst = curves.most_faded
    last = int(np.isfinite(curves.values[worst]).nonzero()[0][-1])
    shown = {
        "reply_of_the_base": Generation(BASE, placed[worst][0], SHOWN_TOKENS),
        "reply": Generation(TUNED, placed[worst][0], SHOWN_TOKENS),
        "reply_after_other_text": Generation(TUNED, placed[worst][last], SHOWN_TOKENS),
    }
    replies = yield list(shown.values())
    told = {name: clip(_said(replies, question), 200) for name, question in shown.items()}
    return measured(
        curves,
        at_least=params.assert_half_life_tokens,
        longest=BEYOND * params.context_lengths[-1],
        evidence={
            "prompt": clip(params.prompts[worst], 240),
            "reference": told["reply"],
            "divergence": params.divergence,
            "per_length": _per_length(curves),
            "worst": {**told, "tokens_of_other_text": params.context_lengths[last]},
            "per_prompt": fit([_row(p, v) for p, v in zip(params.prompts, curves.values, strict=True)], 1600),
        },
    )


def _placed(index: int, prompt: str | Chat, lengths: Sequence[int]) -> list[Prompt]:
    """The prompt after each length of a text of its own: the passages, from a place that depends on `index`."""
    pack = passages("public_domain_en")
    start = index * STRIDE % len(pack)
    text = "\n\n".join(p.text.strip() for p in (*pack[start:], *pack[:start]))
    return [After(text, n, prompt) if n else prompt for n in lengths]


def _curves(params: Params, asked: Sequence[Sequence[tuple[NextToken, NextToken]]], got: Answers) -> Curves:
    diverge = DIVERGENCES[params.divergence]
    values, lost = np.full((len(asked), len(params.context_lengths)), np.nan), ""
    for i, row in enumerate(asked):
        for j, (base, tuned) in enumerate(row):
            try:
                values[i, j] = diverge(got[base].masses(), got[tuned].masses())
            except TooLongError as fault:  # any other fault may be of the adapter's making: it must not shorten a curve
                if j == 0:
                    raise
                lost = lost or str(fault)
                break  # what is longer still cannot fit either
    return Curves("tokens", tuple(map(float, params.context_lengths)), values, lost)


def _said(got: Answers, question: Generation) -> str:
    try:
        return got[question].text
    except RequestError as fault:
        return f"(no reply: {fault})"


def _per_length(curves: Curves) -> list[dict[str, Any]]:
    counts = np.isfinite(curves.values).sum(axis=0)
    return [
        {"tokens": int(n), "mean_divergence": brief(m), "prompts": int(c)}
        for n, m, c in zip(curves.places, curves.means, counts, strict=False)
    ]


def _row(prompt: str, values: NDArray[np.float64]) -> dict[str, Any]:
    return {"prompt": clip(prompt), "divergence": [brief(v) for v in values if np.isfinite(v)]}
