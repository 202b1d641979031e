"""The JSON report: strict JSON, held to the models in `sway.report.records`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from sway.core.results import NullSummary, ProbeResult, SuiteResult
from sway.engine.gate import Decision
from sway.report.encode import quiet_json
from sway.report.records import (
    DeterminismRecord,
    DigestsRecord,
    GateRecord,
    NullRecord,
    ProbeRecord,
    Report,
    ScoreRecord,
    finite,
    schema,
)

__all__ = ["Report", "near", "render", "schema", "to_report"]


def render(report: Report) -> str:
    """The report as indented JSON, keys in the order of the schema."""
    return quiet_json(report.model_dump_json(indent=2, by_alias=True)) + "\n"


def to_report(result: SuiteResult, decision: Decision) -> Report:
    """Put a result into the published form."""
    score, determinism = result.score, result.determinism
    return Report(
        schema_version=1,
        sway_version=result.sway_version,
        spec_path=near(result.spec_path),
        base_model_id=near(result.base_model_id),
        adapter_id=near(result.adapter_id),
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
        null_stats={p.name: _null_record(p.null) for p in result.probes if p.null},
        probes=[_probe(p) for p in result.probes],
        notes=list(result.notes),
    )


def near(path: str) -> str:
    """A path below the working folder without what leads to it, so that a report reads alike on any machine."""
    try:
        return str(Path(path).relative_to(Path.cwd())) if path else path
    except (ValueError, OSError):
        return path


def _null_record(null: NullSummary) -> NullRecord:
    return NullRecord(
        mean=null.mean,
        std=null.sd,
        p95=null.p95,
        n=null.n,
        family=str(null.family),
        degenerate=null.degenerate,
        from_cache=null.from_cache,
        raw=list(null.raw),
    )


def _probe(p: ProbeResult) -> ProbeRecord:
    asked = {"sample_keys", "reference", "reference_keys", "settings"}
    made = {"ci_95", "ci_method", "samples", "checks", "evidence", *asked}
    rank = {"z_by_rank": dict(p.z_by_rank)} if p.z_by_rank else {}
    return ProbeRecord.model_validate(
        {
            **{name: getattr(p, name) for name in ProbeRecord.model_fields if name not in made},
            "ci_95": (p.ci_95.low, p.ci_95.high) if p.ci_95 else None,
            "ci_method": p.ci_95.method if p.ci_95 else None,
            "samples": list(p.samples),
            "sample_keys": list(p.asked.keys),
            "reference": list(p.asked.reference),
            "reference_keys": list(p.asked.reference_keys),
            "settings": dict(p.asked.settings),
            "checks": [_check(c.name, c.value, c.low, c.high, c.soft, c.holds) for c in p.checks],
            "evidence": {**p.evidence, **rank},
        }
    )


def _check(name: str, value: float, low: float, high: float, soft: bool, holds: bool) -> dict[str, Any]:
    bounds = {"value": finite(value), "low": finite(low), "high": finite(high)}
    return {"name": name, **bounds, "soft": soft, "holds": holds}
