"""The JSON report: strict JSON, held to a schema that is made from the models below."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sway.core.results import ProbeResult, SuiteResult
from sway.engine.gate import Decision


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class DeterminismRecord(_Record):
    """How far the run repeats."""

    class_: Literal["strict", "best_effort", "loose"] = Field(alias="class")
    seed: int
    notes: list[str]


class ScoreRecord(_Record):
    """The composite; `overall` is null where nothing was scored."""

    overall: float | None
    band: str
    components: dict[str, float]
    weights: dict[str, float]
    findings: list[str]


class GateRecord(_Record):
    """The gate's decision on this run."""

    verdict: Literal["pass", "fail", "warn", "error"]
    exit_code: int
    reasons: list[str]


class CheckRecord(_Record):
    """A number and the bounds it must keep; null is no bound, or a number that is not finite."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    soft: bool
    holds: bool


class DigestsRecord(_Record):
    """SHA-256 of the base, of the adapter, and of the suite without its models; empty where unknown."""

    base: str
    adapter: str
    suite: str


class ProbeRecord(_Record):
    """One probe. `raw`, `bar` and `samples` are in `unit`; `samples` has one value a prompt or section.

    `sample_keys` are digests of what each sample was asked about, by which two reports are paired. `reference`
    holds what the samples were contrasted with, less its mean. `settings` are the parameters that `raw` depends on.
    """

    name: str
    kind: str
    category: str
    claim: str
    verdict: Literal["pass", "fail", "warn", "skip", "error"]
    reason: str
    required: bool
    weight: float
    better: Literal["higher", "lower"]
    score: float | None
    raw: float | None
    unit: str
    measures: str
    bar: float | None
    z_score: float | None
    p_value: float | None
    base_value: float | None
    ft_value: float | None
    ci_95: tuple[float, float] | None
    ci_method: str | None
    effect_vs_null: float | None
    samples: list[float]
    sample_keys: list[str]
    reference: list[float]
    reference_keys: list[str]
    settings: dict[str, Any]
    samples_needed: int | None
    checks: list[CheckRecord]
    evidence: dict[str, Any]
    message: str
    duration_s: float


class Report(_Record):
    """A whole run, as `sway run --json` writes it."""

    schema_version: Literal[1]
    sway_version: str
    spec_path: str
    base_model_id: str
    adapter_id: str
    digests: DigestsRecord
    started_at: datetime
    finished_at: datetime
    wall_seconds: float
    determinism: DeterminismRecord
    backend_stats: dict[str, float | int | str | dict[str, dict[str, float]]]
    alpha: float
    omnibus_p: float | None
    gate: GateRecord
    score: ScoreRecord
    null_stats: dict[str, dict[str, float | int | bool | str]]
    probes: list[ProbeRecord]
    notes: list[str]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report."""
    made = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def render(result: SuiteResult, decision: Decision) -> str:
    """The report as indented JSON, keys in the order of the schema."""
    return to_report(result, decision).model_dump_json(indent=2, by_alias=True) + "\n"


def to_report(result: SuiteResult, decision: Decision) -> Report:
    """Put a result into the published form."""
    score, determinism = result.score, result.determinism
    return Report(
        schema_version=1,
        sway_version=result.sway_version,
        spec_path=result.spec_path,
        base_model_id=result.base_model_id,
        adapter_id=result.adapter_id,
        digests=DigestsRecord(**asdict(result.digests)),
        started_at=result.started_at,
        finished_at=result.finished_at,
        wall_seconds=(result.finished_at - result.started_at).total_seconds(),
        determinism=DeterminismRecord.model_validate(
            {"class": determinism.achieved, "seed": determinism.seed, "notes": list(determinism.notes)}
        ),
        backend_stats=asdict(result.backend) if result.backend else {},
        alpha=result.alpha,
        omnibus_p=result.omnibus_p,
        gate=GateRecord.model_validate(
            {"verdict": decision.verdict, "exit_code": int(decision.exit), "reasons": list(decision.reasons)}
        ),
        score=ScoreRecord(
            overall=score.overall,
            band=score.band,
            components={str(k): v for k, v in score.components.items()},
            weights={str(k): v for k, v in score.weights.items()},
            findings=list(score.findings),
        ),
        null_stats={p.name: _null_stats(p) for p in result.probes if p.null},
        probes=[_probe(p) for p in result.probes],
        notes=list(result.notes),
    )


def _null_stats(p: ProbeResult) -> dict[str, float | int | bool | str]:
    if p.null is None:
        return {}
    null = p.null
    return {
        "mean": null.mean,
        "std": null.sd,
        "p95": null.p95,
        "n": null.n,
        "family": str(null.family),
        "degenerate": null.degenerate,
        "from_cache": null.from_cache,
    }


def _probe(p: ProbeResult) -> ProbeRecord:
    plain = {"name", "kind", "required", "weight", "better", "score", "raw", "unit", "measures", "bar", "z_score"}
    plain |= {"p_value", "base_value", "ft_value", "effect_vs_null", "samples_needed", "message", "duration_s"}
    rank = {"z_by_rank": dict(p.z_by_rank)} if p.z_by_rank else {}
    return ProbeRecord.model_validate(
        {
            **{name: getattr(p, name) for name in plain},
            **{name: str(getattr(p, name)) for name in ("category", "claim", "verdict", "reason")},
            "ci_95": (p.ci_95.low, p.ci_95.high) if p.ci_95 else None,
            "ci_method": p.ci_95.method if p.ci_95 else None,
            "samples": list(p.samples),
            "sample_keys": list(p.asked.keys),
            "reference": list(p.asked.reference),
            "reference_keys": list(p.asked.reference_keys),
            "settings": strict(dict(p.asked.settings)),
            "checks": [_check(c.name, c.value, c.low, c.high, c.soft, c.holds) for c in p.checks],
            "evidence": strict({**p.evidence, **rank}),
        }
    )


def _check(name: str, value: float, low: float, high: float, soft: bool, holds: bool) -> dict[str, Any]:
    bounds = {"value": _finite(value), "low": _finite(low), "high": _finite(high)}
    return {"name": name, **bounds, "soft": soft, "holds": holds}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def strict(value: Any) -> Any:
    """The same value with every NaN and infinity as null and every key as text."""
    if isinstance(value, dict):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [strict(v) for v in value]
    return _finite(value) if isinstance(value, float) else value
