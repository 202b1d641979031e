"""What the nulls told over all probes: the report's row for them, and one p-value for a whole suite."""

from __future__ import annotations

from collections.abc import Sequence

from sway.core.measurement import Category, Claim
from sway.core.results import ProbeResult
from sway.core.verdicts import Reason, Verdict
from sway.engine.judge import Entry
from sway.stats.calibration import max_t


def baseline_row(baseline: Entry, probes: Sequence[ProbeResult]) -> ProbeResult:
    """The report's row for the null settings: what every statistic came to under the nulls."""
    calibrated = [p for p in probes if p.null is not None]
    evidence = {
        "null_stats": {p.name: _null_stats(p) for p in calibrated},
        "null_stats_by_rank": {p.name: dict(p.z_by_rank) for p in calibrated if p.z_by_rank},
        "per_kind_raw_samples": {p.name: list(p.null.raw) for p in calibrated if p.null},
        "from_cache": sum(p.null.from_cache for p in calibrated if p.null),
    }
    runs = max((p.null.n for p in calibrated if p.null), default=0)
    message = f"{runs} nulls for {', '.join(p.name for p in calibrated)}" if calibrated else "no probe to calibrate"
    return ProbeResult(
        name=baseline.name,
        kind=baseline.probe.kind,
        category=Category.BASELINE,
        verdict=Verdict.PASS,
        message=message,
        reason=Reason.HOLDS,
        claim=Claim.DIAGNOSTIC,
        required=baseline.required,
        weight=baseline.weight,
        evidence=evidence,
    )


def _null_stats(result: ProbeResult) -> dict[str, float | int | bool]:
    null = result.null
    return {} if null is None else {"mean": null.mean, "std": null.sd, "n": null.n, "degenerate": null.degenerate}


def omnibus_p(probes: Sequence[ProbeResult], runs: int) -> float | None:
    """The headline p of "any effect anywhere": the rank of the largest statistic over the shared nulls."""
    shared = [(p, p.raw, p.null.raw) for p in probes if p.null and p.raw is not None and p.null.n == runs]
    if not shared:
        return None
    sign = {p.name: 1.0 if p.better == "higher" else -1.0 for p, _, _ in shared}
    return max_t(
        {p.name: sign[p.name] * raw for p, raw, _ in shared},
        {p.name: [sign[p.name] * x for x in nulls] for p, _, nulls in shared},
    )
