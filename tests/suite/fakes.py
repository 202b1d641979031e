"""A registry of probes made for the tests of the spec: they measure nothing."""

from collections.abc import Generator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sway.core.measurement import Category, Claim, Measurement
from sway.core.probe import DivergenceParams, Params, Probe


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    prompt: str = Field(min_length=1)
    gold: str
    paraphrases: tuple[str, ...] = Field(min_length=1)


class PromptParams(DivergenceParams):
    prompts: tuple[str, ...] = Field(min_length=1, description="Texts to continue.")
    assert_mean_gte: float = Field(default=0.02, ge=0, description="Least mean divergence, nats.")


class CaseParams(Params):
    cases: tuple[Case, ...] = Field(min_length=1)
    between: tuple[float, float] = (0.3, 1.05)
    limit: int | None = None


class NullParams(Params):
    runs: int | None = Field(default=None, ge=1, le=999)
    calibrate_kinds: tuple[str, ...] = ()


class DiskParams(Params):
    adapter_path: str | None = None
    store_path: Path | None = None


def run(params: Any, context: Any, /) -> Generator[Any, Any, Measurement]:
    yield []
    return Measurement(0.0)


def make(kind: str, params: type[Params], category: Category = Category.ADHERENCE, *, model: bool = True) -> Probe:
    doc = f"How much of {kind} is there?\n\nMeasures {kind}."
    return Probe(
        kind, category, Claim.SUPERIORITY, "mean", "nats", "higher", True, False, "prompt", model, params, run, doc
    )


REGISTRY = MappingProxyType(
    {
        "delta_kl": make("delta_kl", PromptParams),
        "adapter_revert": make("adapter_revert", CaseParams),
        "null_adapter": make("null_adapter", NullParams, Category.BASELINE),
        "gradient_ghost": make("gradient_ghost", DiskParams, Category.CALIBRATION, model=False),
    }
)
