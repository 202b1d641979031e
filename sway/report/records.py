"""What a JSON report holds. The published schema is made from these models, and whatever is read is held to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sway.core.measurement import Category, Check, Claim
from sway.core.verdicts import Reason, Verdict

MOST_CHARACTERS = 20_000
"""Of one text in a report."""
DEEPEST = 24
"""Levels of nesting that evidence may have."""


def strict(value: Any, depth: int = 0) -> Any:
    """The value as any reader of JSON takes it: NaN and infinity as null, keys as text, texts sound and bounded."""
    if isinstance(value, str):
        return _sound(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return finite(value)
    if depth >= DEEPEST or not isinstance(value, Mapping | list | tuple):
        return _sound(str(value)) if depth < DEEPEST else "[cut]"
    if isinstance(value, Mapping):
        return {_sound(str(k)): strict(v, depth + 1) for k, v in value.items()}
    return [strict(v, depth + 1) for v in value]


def _sound(text: str) -> str:
    """The text without lone surrogates, which no encoding can hold, and cut where it is too long."""
    kept = text[:MOST_CHARACTERS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return kept + " [cut]" if len(text) > MOST_CHARACTERS else kept


def finite(value: float) -> float | None:
    """The number, or None where it is none."""
    return value if math.isfinite(value) else None


Evidence = Annotated[dict[str, Any], BeforeValidator(strict)]
Text = Annotated[str, BeforeValidator(lambda value: _sound(value) if isinstance(value, str) else value)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class DeterminismRecord(_Record):
    """How far the run repeats."""

    class_: Literal["strict", "best_effort", "loose"] = Field(alias="class")
    seed: int
    notes: list[Text]


class ScoreRecord(_Record):
    """The composite; `overall` is null where nothing was scored."""

    overall: float | None
    band: Text
    components: dict[Text, float]
    weights: dict[Text, float]
    findings: list[Text]


class GateRecord(_Record):
    """The gate's decision on this run."""

    verdict: Literal["pass", "fail", "warn", "error"]
    exit_code: int
    reasons: list[Text]


class CheckRecord(_Record):
    """A number and the bounds it must keep; null is no bound, or a number that is not finite."""

    name: Text
    value: float | None
    low: float | None
    high: float | None
    soft: bool
    holds: bool

    def check(self) -> Check:
        """As the judge had it."""
        low, high = (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)
        return Check(self.name, math.nan if self.value is None else self.value, low, high, self.soft)


class DigestsRecord(_Record):
    """SHA-256 of the base, of the adapter, and of the suite without its models; empty where unknown."""

    base: Text
    adapter: Text
    suite: Text


class ProbeRecord(_Record):
    """One probe. `raw`, `bar` and `samples` are in `unit`; `samples` has one value a prompt or section.

    `line` is where it stands in the spec. `sample_keys` are digests of what each sample was asked about, by which two
    reports are paired. `reference` holds what the samples were contrasted with, less its mean. `settings` are the
    parameters that `raw` depends on.
    """

    name: Text
    kind: Text
    category: Category
    claim: Claim
    verdict: Verdict
    reason: Reason
    required: bool
    weight: float
    line: int | None = Field(default=None, ge=1)
    better: Literal["higher", "lower"]
    score: float | None
    raw: float | None
    unit: Text
    measures: Text
    bar: float | None
    z_score: float | None
    p_value: float | None
    base_value: float | None
    ft_value: float | None
    ci_95: tuple[float, float] | None
    ci_method: Text | None
    effect_vs_null: float | None
    samples: list[float]
    sample_keys: list[Text]
    reference: list[float]
    reference_keys: list[Text]
    settings: Evidence
    samples_needed: int | None
    checks: list[CheckRecord]
    evidence: Evidence
    message: Text
    duration_s: float


class NullRecord(_Record):
    """How one statistic is distributed over null adapters; `raw` has a value a null."""

    mean: float
    std: float
    p95: float
    n: int
    family: Text
    degenerate: bool
    from_cache: int
    raw: list[float] = []


class Report(_Record):
    """A whole run, as `sway run --json` writes it."""

    schema_version: Literal[1]
    sway_version: Text
    spec_path: Text
    base_model_id: Text
    adapter_id: Text
    digests: DigestsRecord
    started_at: datetime
    finished_at: datetime
    wall_seconds: float
    determinism: DeterminismRecord
    backend_stats: dict[str, float | int | Text | dict[Text, dict[Text, float]]]
    alpha: float
    omnibus_p: float | None
    gate: GateRecord
    score: ScoreRecord
    null_stats: dict[Text, NullRecord]
    probes: list[ProbeRecord]
    notes: list[Text]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report."""
    made = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
