"""Can the model still call tools as well as it could?

Offers both models tools, and asks for a call. A reply is valid if a call can be read in it (as JSON, bare,
fenced or first in the text, or as OpenAI, Anthropic, Llama, Qwen, Hermes, Gemini or Mistral models write
calls), names a tool that was offered or is in `allowed_tools`, and has arguments that satisfy the tool's
JSON Schema; of several calls, all must. The statistic is the mean loss of validity over cases, base less
tuned, a rate. Apart from it, of all calls that the tuned model makes, at most a given share may name a tool
that was not offered. `docs/design/tool-calls.md` gives the reasons.

Tells you: whether the adapter costs the ability to call tools in a form that a program can use.

Cannot tell you: whether the arguments are the right ones. Where gold arguments are given the evidence says
how far the tuned model's are from them, else how far from the base's; neither decides anything. Nor does a
base that makes no valid call itself leave a loss to see, and the probe then warns.

References:
    Patil, S. G. et al. (2024). Gorilla: large language model connected with massive APIs. NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import Field

from sway.core.measurement import Category, Check, Claim, Measurement
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.requests import Chat, Generation, Message
from sway.core.views import BASE, TUNED, View
from sway.probes.evidence import brief, clip, fit
from sway.probes.tools.case import Found, Name, ToolCase
from sway.probes.tools.spec import as_offered, attempt, read_tools


class Params(CommonParams):
    """The cases, and how much may be lost."""

    cases: tuple[ToolCase, ...] = Field(min_length=1, description="Requests that a tool answers.")
    allowed_tools: tuple[Name, ...] = Field(default=(), description="Further tools that may be called in any case.")
    assert_validity_delta_gte: float = Field(
        default=-0.05, ge=-1, le=0, description="Least change of the rate of valid replies, tuned less base."
    )
    assert_hallucination_lte: float = Field(
        default=0.10, ge=0, le=1, description="Most of the tuned model's calls that may name a tool not offered."
    )


@probe(
    Category.ATTRIBUTION,
    Claim.NON_INFERIORITY,
    Params,
    measures="mean loss of valid tool calls",
    unit="rate",
    better="lower",
    sample="case",
)
def tool_use_fidelity(params: Params, context: Context) -> Asking:
    """Ask both models for a call in every case."""
    del context
    tools = [read_tools(case.tool_spec) for case in params.cases]
    asked = [{v: _question(v, case, t) for v in (BASE, TUNED)} for case, t in zip(params.cases, tools, strict=True)]
    got = yield [question for both in asked for question in both.values()]
    found = [
        Found(case, *(attempt(got[both[view]], functions, params.allowed_tools) for view in (BASE, TUNED)))
        for case, functions, both in zip(params.cases, tools, asked, strict=True)
    ]
    return _measured(params, found)


def _question(view: View, case: ToolCase, functions: Mapping[str, dict[str, Any]]) -> Generation:
    return Generation(view, Chat((Message("user", case.prompt),), as_offered(functions)), case.max_new_tokens)


def _measured(params: Params, found: Sequence[Found]) -> Measurement:
    loss = [float(f.loss) for f in found]
    base, tuned = fmean(f.base.valid for f in found), fmean(f.tuned.valid for f in found)
    calls = sum(len(f.tuned.calls) for f in found)
    strange = sum(f.tuned.hallucinated for f in found) / calls if calls else 0.0
    # Below the margin, or without one valid reply, the base has nothing that could be lost beyond it.
    to_lose = max(-params.assert_validity_delta_gte, 1 / len(found))
    worst = sorted(found, key=lambda f: (-f.loss, f.tuned.valid))
    return Measurement(
        raw=fmean(loss),
        samples=loss,
        items=[f.case.model_dump_json() for f in found],
        scale="change",
        bar=-params.assert_validity_delta_gte,
        checks=(
            Check("hallucination_rate", strange, high=params.assert_hallucination_lte),
            Check("json_valid_rate_base", base, low=to_lose, soft=True),
        ),
        base_value=base,
        tuned_value=tuned,
        note="" if base >= to_lose else "the base itself makes too few valid calls for a loss to show",
        evidence=_evidence(worst, base, tuned, strange),
    )


def _evidence(worst: Sequence[Found], base: float, tuned: float, strange: float) -> dict[str, Any]:
    apart = [f.apart for f in worst if f.apart is not None]
    called = [f.calls_gold for f in worst if f.tuned.calls]
    return {
        "prompt": clip(worst[0].case.prompt, 300),
        "reference": clip(worst[0].reference, 300),
        "json_valid_rate_base": brief(base),
        "json_valid_rate_ft": brief(tuned),
        "validity_delta": brief(tuned - base),
        "hallucination_rate": brief(strange),
        "wrong_tool_rate": brief(1 - fmean(called)) if called else None,
        "mean_arg_disagreement": brief(fmean(apart)) if apart else None,
        "cases": fit([f.row() for f in worst], 5500),
    }
