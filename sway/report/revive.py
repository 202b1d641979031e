"""From a JSON report back to the result and the decision that it was made from."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sway.core.errors import SwayError
from sway.core.exits import Exit
from sway.core.measurement import Category
from sway.core.results import (
    Asked,
    BackendStats,
    Cost,
    Determinism,
    DeterminismReport,
    Digests,
    Interval,
    NullSummary,
    ProbeResult,
    Score,
    SuiteResult,
)
from sway.core.verdicts import Verdict
from sway.core.views import NullFamily
from sway.engine.gate import Decision
from sway.report.records import NullRecord, ProbeRecord, Report

_ASKED = ("sample_keys", "reference", "reference_keys", "settings")


def revive(data: dict[str, Any], where: str) -> tuple[SuiteResult, Decision]:
    """The result and decision of a report as plain data.

    Raises:
        SwayError: the data is no report of this version; `where` names its source.
    """
    try:
        return result_of(report := Report.model_validate(data)), _decision(report)
    except (ValidationError, ValueError, TypeError, KeyError) as fault:
        first = fault.errors(include_url=False)[0] if isinstance(fault, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(fault)
        mend = "use the same version of sway on both sides"
        raise SwayError(f"is no report of this version: {what[:200]}", where=where, mend=mend) from None


def result_of(report: Report) -> SuiteResult:
    """The result that a report was made from.

    Raises:
        ValueError: a name in it, of a category or a family of nulls, is none that this version knows.
        TypeError: its backend's statistics are not those of this version.
    """
    score, determinism = report.score, report.determinism
    stats: dict[str, Any] = dict(report.backend_stats)
    by_probe = stats.pop("by_probe", {})
    costs = {name: Cost(**cost) for name, cost in by_probe.items()}
    return SuiteResult(
        sway_version=report.sway_version,
        spec_path=report.spec_path,
        base_model_id=report.base_model_id,
        adapter_id=report.adapter_id,
        started_at=report.started_at,
        finished_at=report.finished_at,
        determinism=DeterminismReport(Determinism(determinism.class_), determinism.seed, tuple(determinism.notes)),
        backend=BackendStats(**stats, by_probe=costs) if stats else None,
        score=Score(
            score.overall,
            score.band,
            {Category(k): v for k, v in score.components.items()},
            {Category(k): v for k, v in score.weights.items()},
            tuple(score.findings),
        ),
        probes=tuple(_probe(p, report.null_stats.get(p.name)) for p in report.probes),
        alpha=report.alpha,
        omnibus_p=report.omnibus_p,
        notes=tuple(report.notes),
        digests=Digests(report.digests.base, report.digests.adapter, report.digests.suite),
    )


def _decision(report: Report) -> Decision:
    gate = report.gate
    return Decision(Verdict(gate.verdict), Exit(gate.exit_code), tuple(gate.reasons))


def _probe(p: ProbeRecord, null: NullRecord | None) -> ProbeResult:
    other = {"ci_95", "ci_method", "checks", "samples", *_ASKED}
    return ProbeResult(
        **p.model_dump(exclude=other),
        ci_95=Interval(*p.ci_95, p.ci_method or "") if p.ci_95 else None,
        samples=tuple(p.samples),
        asked=Asked(tuple(p.sample_keys), tuple(p.reference), tuple(p.reference_keys), p.settings),
        checks=tuple(c.check() for c in p.checks),
        null=_null(null) if null else None,
        z_by_rank=p.evidence.get("z_by_rank", {}),
    )


def _null(n: NullRecord) -> NullSummary:
    family = NullFamily(n.family)
    return NullSummary(n.n, n.mean, n.std, n.p95, family, tuple(n.raw), n.degenerate, n.from_cache)
