"""Does the adapter's answer hold when the question is put in other words?

Asks the base and the tuned model, greedily, every paraphrase of every question, and places both answers
and the answer that you want (the gold) by their sentence embeddings. A paraphrase reverts where the tuned
answer is at least as near (cosine) to the base's answer as to the gold, no nearer to the gold than the
base's answer is, or empty. Paraphrases to which the base's answer is already near the gold tell nothing and
are left out. The statistic is the share that reverts, a rate: the mean over cases of their shares.

Tells you: that the adapter learned an answer, and not one wording of its question.

Cannot tell you: whether every detail is right: a wrong number in the right sentence is near the gold.

References:
    Reimers, N. and Gurevych, I. (2019). Sentence-BERT. EMNLP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sway.core.measurement import Category, Check, Claim, Measurement, below
from sway.core.probe import Asking, Context, EmbeddingParams, probe
from sway.core.requests import Answers, Chat, Embed, Generation
from sway.core.views import BASE, TUNED
from sway.probes.evidence import brief, clip, fit

Text = Annotated[str, Field(min_length=1)]


class Case(BaseModel):
    """A question, the answer that the adapter should give, and the question in other words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Text = Field(description="The question as it was trained.")
    gold: Text = Field(description="The answer that you want.")
    paraphrases: tuple[Text, ...] = Field(min_length=1, description="The question in other words.")


class Params(EmbeddingParams):
    """The questions, and how many of their paraphrases may revert."""

    cases: tuple[Case, ...] = Field(min_length=1, description="Questions: prompt, gold, paraphrases.")
    max_new_tokens: int = Field(default=64, ge=1, le=4096, description="Tokens generated for an answer.")
    base_gold_similarity_cap: float = Field(
        default=0.75, ge=-1, le=1, description="From this cosine to the gold on, a base's answer tells nothing."
    )
    assert_revert_rate_lt: float = Field(default=0.5, gt=0, le=1, description="What the share must stay below.")


@dataclass(frozen=True)
class _Reply:
    """Both answers to one paraphrase, and their cosines."""

    case: Case
    wording: str
    base: str
    tuned: str
    base_gold: float
    tuned_base: float
    tuned_gold: float

    @property
    def reverts(self) -> bool:
        return not self.tuned or self.tuned_gold <= max(self.tuned_base, self.base_gold)


# Not calibrated: every null would generate every answer anew, to show what is known: that noise does not learn.
@probe(
    Category.ADHERENCE,
    Claim.SUPERIORITY,
    Params,
    measures="share of paraphrases that revert to the base's answer",
    unit="rate",
    better="lower",
    sample="case",
)
def adapter_revert(params: Params, context: Context) -> Asking:
    """Ask both models every paraphrase, then for the embeddings of their answers."""
    most = params.max_new_tokens
    asked = [
        (case, words, Generation(BASE, Chat.ask(words), most), Generation(TUNED, Chat.ask(words), most))
        for case in params.cases
        for words in dict.fromkeys(case.paraphrases)
    ]
    # The golds are placed in the first round, so that a missing embedder is told before anything is generated.
    golds = [Embed(BASE, case.gold.strip(), params.embedding_model) for case in params.cases]
    got = yield [*golds, *(question for *_, base, tuned in asked for question in (base, tuned))]
    said = {question: got[question].text.strip() for *_, base, tuned in asked for question in (base, tuned)}
    vectors = yield [Embed(BASE, text, params.embedding_model) for text in dict.fromkeys(said.values())]
    texts = [(case, words, said[base], said[tuned]) for case, words, base, tuned in asked]
    return _measure(params, list(_compared(texts, vectors, params.embedding_model)))


def _compared(texts: Sequence[tuple[Case, str, str, str]], got: Answers, model: str) -> Iterator[_Reply]:
    for case, wording, base, tuned in texts:
        gold, b, t = (got[Embed(BASE, text, model)].vector for text in (case.gold.strip(), base, tuned))
        # Rounded, so that an answer that repeats the base's is exactly as near to the gold as that.
        yield _Reply(case, wording, base, tuned, *(round(float(x @ y), 9) for x, y in ((b, gold), (t, b), (t, gold))))


def _measure(params: Params, replies: list[_Reply]) -> Measurement:
    telling = [r for r in replies if r.base_gold < params.base_gold_similarity_cap]
    cases = [[r for r in telling if r.case is case] for case in params.cases]
    rates = [fmean(r.reverts for r in own) for own in cases if own]
    rows = sorted(telling or replies, key=lambda r: (not r.reverts, r.tuned_gold - r.tuned_base))
    teach = {"prompt": rows[0].wording[:300], "reference": rows[0].case.gold[:600], "paraphrases": len(replies)}
    evidence = {
        **teach,
        "left_out": len(replies) - len(telling),
        "reverted": sum(r.reverts for r in telling),
        "replies": fit([_row(r) for r in rows], 4000),
    }
    if not rates:
        return Measurement(
            raw=0.0,
            checks=(Check("cases_that_tell", 0, low=1, soft=True),),
            note="the base's answers are already near the gold: choose questions that it gets wrong",
            evidence=evidence,
            measures="cases that the base answers otherwise than the gold",
        )
    silent = len(cases) - len(rates)
    return Measurement(
        raw=fmean(rates),
        samples=rates,
        items=[own[0].case.model_dump_json() for own in cases if own],
        scale="share",
        bar=below(params.assert_revert_rate_lt),
        note=f"{silent} of {len(cases)} cases left out: the base answers them already" if silent else "",
        evidence=evidence,
    )


def _row(reply: _Reply) -> dict[str, Any]:
    return {
        "case": clip(reply.case.prompt, 80),
        "prompt": clip(reply.wording),
        "base": clip(reply.base),
        "tuned": clip(reply.tuned),
        "gold": clip(reply.case.gold),
        "base_gold_similarity": brief(reply.base_gold),
        "tuned_base_similarity": brief(reply.tuned_base),
        "tuned_gold_similarity": brief(reply.tuned_gold),
        "reverts": reply.reverts,
    }
