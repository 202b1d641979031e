"""How large are the probes' numbers when the adapter is random?

Settings of the calibration, and a row for the report. Every calibrated probe is asked again with
the trained adapter replaced by random ones of the same shape: the same prompts, the same maths, the
same draws for every probe. Where the adapter stands among them gives each probe its p-value (the
rank) and its z (standard deviations, from 8 nulls on).

Tells you: what noise of the same size does to each statistic, so that "large" has a meaning.

Cannot tell you: whether the change is one that you wanted. Structured noise, such as an adapter
trained on another text, beats the nulls too; the attribution probes tell those apart.

References:
    Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be zero. SAGMB 9(1).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sway.core.measurement import Category, Claim, Measurement
from sway.core.probe import Asking, Context, probe
from sway.core.probe import Params as CommonParams
from sway.core.views import NullFamily

Multiplier = Annotated[float, Field(gt=0, le=64)]


class Params(CommonParams):
    """How many random adapters, drawn how, for which probes."""

    runs: int | None = Field(
        default=None,
        ge=1,
        le=999,
        description="Null adapters a probe; null takes 19, or 99 with --thorough. The rank test needs 1 / alpha - 1.",
    )
    init_scale: float = Field(
        default=0.02, gt=0, le=10, description="Standard deviation of the entries; matters to family gaussian only."
    )
    seed_base: int = Field(default=1000, ge=0, le=2**63 - 1, description="Seed from which all nulls are drawn.")
    family: NullFamily = Field(
        default=NullFamily.MATCHED,
        description="matched: as large as each trained layer; permuted: the trained layer shuffled; gaussian: as PEFT "
        "would start with init_scale.",
    )
    calibrate_kinds: tuple[str, ...] = Field(
        default=(), description="Kinds of probe to calibrate; empty calibrates all that can be."
    )
    cache: bool = Field(default=True, description="Keep the nulls' statistics on disk, under the content's hash.")
    rank_multipliers: tuple[Multiplier, ...] = Field(
        default=(1.0,),
        min_length=1,
        max_length=8,
        description="Also compare with nulls of m times the rank, that is of sqrt(m) times the update.",
    )


@probe(
    Category.BASELINE,
    Claim.DIAGNOSTIC,
    Params,
    measures="null adapters drawn",
    unit="adapters",
    sample="null",
)
def null_adapter(params: Params, context: Context) -> Asking:
    """Ask nothing: the engine asks the other probes' questions of the nulls and fills in the row."""
    del context
    yield from ()
    return Measurement(raw=float(params.runs or 0))
