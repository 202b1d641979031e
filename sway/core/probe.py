"""What a probe is: a generator of questions that ends in a measurement.

    @probe(Category.ADHERENCE, Claim.SUPERIORITY, Params, measures="mean divergence", unit="nats")
    def my_probe(params: Params, context: Context) -> Asking:
        answers = yield requests
        return Measurement(...)

A probe calls no model and computes no z, verdict, score, interval, duration or null: it yields
lists of requests, gets their answers back, and returns what it measured. One judge does the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sway.core.folders import MINILM
from sway.core.measurement import Category, Claim, Measurement
from sway.core.requests import Answers, Chat, Request
from sway.core.sections import Section


class Params(BaseModel):
    """Parameters common to all probes. A probe's own `Params` derives from this."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CalibratedParams(Params):
    """Parameters of probes whose statistic is held against null adapters."""

    assert_z_gte: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Where set, ask for this many standard deviations above the nulls too; that takes 8 or more nulls.",
    )


class DivergenceParams(Params):
    """Parameters of probes that compare next-token distributions."""

    divergence: Literal["js", "kl"] = Field(
        default="js", description="Jensen-Shannon (0 to 0.693 nats) or Kullback-Leibler (0 up, nats)."
    )
    top_k: int | None = Field(default=None, ge=1, description="Tokens in the support; null takes defaults.top_k.")

    def support(self, context: Context) -> int:
        """How many of the base's likeliest tokens make the support."""
        return self.top_k or context.top_k


class PromptParams(DivergenceParams):
    """Parameters of probes that look at the token after each prompt."""

    prompts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Texts to continue; take them from what the adapter is for."
    )
    chat: bool = Field(
        default=False, description="Ask each prompt as a user's turn, through the tokenizer's chat template."
    )

    def put(self, prompt: str) -> str | Chat:
        """The prompt as it is asked."""
        return Chat.ask(prompt) if self.chat else prompt


class EmbeddingParams(Params):
    """Parameters of probes that compare texts by their meaning."""

    embedding_model: str = Field(
        default=MINILM,
        min_length=1,
        description="A sentence model: a name on the hub, or a folder.",
    )


@dataclass(frozen=True)
class Context:
    """What a suite knows beyond a probe's own parameters. Paths are absolute.

    `null` says that a random adapter stands in for the trained one, and that the statistic alone is wanted: a probe may
    leave out every question that `raw` does not need.
    """

    sections: tuple[Section, ...] = ()
    controls: tuple[Section, ...] = ()
    adapter: Path | None = None
    seed: int = 0
    top_k: int = 256
    null: bool = False


Asking = Generator[Sequence[Request[Any]], Answers, Measurement]


class ProbeFunction(Protocol):
    """A probe's code: parameters and context in, questions out, a measurement at the end."""

    def __call__(self, params: Any, context: Context, /) -> Asking:
        """Start asking."""
        ...


@dataclass(frozen=True)
class Probe:
    """A registered probe: its declared meaning, its parameters, its code.

    `better` tells which direction of `raw` the author of an adapter hopes for. `log_scale` marks
    statistics that are positive and skewed (divergences), for the t prediction with few nulls.
    `required` is whether the gate needs it to pass where a spec does not say.
    """

    kind: str
    category: Category
    claim: Claim
    measures: str
    unit: str
    better: Literal["higher", "lower"]
    calibrated: bool
    log_scale: bool
    sample: str
    needs_model: bool
    params: type[Params]
    run: ProbeFunction
    doc: str
    required: bool = True

    @property
    def question(self) -> str:
        """The question in one line: the first line of the probe's module docstring."""
        return self.doc.strip().splitlines()[0]


def probe(
    category: Category,
    claim: Claim,
    params: type[Params],
    *,
    measures: str,
    unit: str,
    better: Literal["higher", "lower"] = "higher",
    calibrated: bool = False,
    log_scale: bool = False,
    sample: str = "prompt",
    needs_model: bool = True,
    required: bool = True,
) -> Callable[[ProbeFunction], Probe]:
    """Register a generator function as a probe; its module's docstring documents it."""

    def register(run: ProbeFunction) -> Probe:
        module = inspect.getmodule(run)
        return Probe(
            kind=str(getattr(run, "__name__", "")),
            category=category,
            claim=claim,
            measures=measures,
            unit=unit,
            better=better,
            calibrated=calibrated,
            log_scale=log_scale,
            sample=sample,
            needs_model=needs_model,
            params=params,
            run=run,
            doc=inspect.getdoc(module) or "",
            required=required,
        )

    return register
