"""Results of every kind that a renderer must cope with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sway.core.measurement import Category, Check, Claim
from sway.core.results import (
    BackendStats,
    Determinism,
    DeterminismReport,
    Interval,
    NullSummary,
    ProbeResult,
    SuiteResult,
)
from sway.core.verdicts import Reason, Verdict
from sway.core.views import NullFamily
from sway.engine.gate import Decision, FailOn, decide
from sway.engine.score import compose, merge_weights
from sway.report.json_report import to_report
from sway.report.records import Report

NOW = datetime(2020, 1, 1, tzinfo=UTC)
NULLS = tuple(0.004 + 0.0005 * (i % 7) for i in range(19))
CHANGED = ProbeResult(
    "changed",
    "delta_kl",
    Category.ADHERENCE,
    Verdict.PASS,
    "mean divergence 0.1 nats",
    Reason.HOLDS,
    Claim.SUPERIORITY,
    unit="nats",
    measures="mean divergence of the next token",
    line=11,
    score=0.8,
    raw=0.1,
    bar=0.02,
    z_score=12.0,
    p_value=0.05,
    ci_95=Interval(0.05, 0.2, "bootstrap"),
    samples=(0.05, 0.15),
    null=NullSummary(19, 0.0055, 0.001, 0.007, NullFamily.MATCHED, NULLS, False, 3),
    z_by_rank={"rank_0.50": 6.8, "rank_1.00": 4.2, "rank_2.00": 2.1},
    evidence={
        "divergence": "js",
        "per_prompt": [
            {"prompt": "The lamp burns", "divergence": 0.05, "gained": [" oil"], "lost": [" out", " low"]},
            {"prompt": "The keeper | is", "divergence": 0.15, "gained": [" old"], "lost": []},
        ],
    },
)
LEARNED = replace(
    CHANGED,
    name="learned",
    kind="section_internalization",
    category=Category.ATTRIBUTION,
    verdict=Verdict.FAIL,
    reason=Reason.NOISE,
    message="no more than noise",
    line=17,
    score=0.2,
    raw=0.0,
    z_score=0.3,
    p_value=0.6,
    z_by_rank={},
    evidence={
        "prompt": "What burns?",
        "reference": "Oil.",
        "controls": {"prose": {"n": 8, "mean_lift": 0.1}},
        "sections": [
            {"id": "s1", "tag": "lamp", "kind": "prose", "contrast": -0.2, "preview": "The lamp burns oil"},
            {"id": "s2", "tag": "keeper", "kind": "prose", "contrast": 0.4, "preview": "The keeper is old"},
        ],
    },
)
SHAPE = ProbeResult(
    "curve",
    "adapter_ablation",
    Category.ABLATION,
    Verdict.WARN,
    "linearity nan",
    Reason.SHAPE,
    Claim.SHAPE,
    line=23,
    checks=(Check("linearity", math.nan, low=0.85, soft=True), Check("overshoot", 1.1, low=1.02)),
    evidence={"curve": [0.0, math.inf], 3: (1, 2), "lambdas": [0, 0.5, 1.0], "distance": [0.0, 0.2, 0.3]},
)
SKIPPED = ProbeResult("ghost", "gradient_ghost", Category.CALIBRATION, Verdict.SKIP, "no file", required=False)
BROKEN = ProbeResult(
    "drift", "calibration_drift", Category.CALIBRATION, Verdict.ERROR, "the model gave nothing", line=30
)
RECITED = ProbeResult(
    "recited",
    "leakage",
    Category.CALIBRATION,
    Verdict.FAIL,
    "beyond the margin of <= 0.5",
    Reason.HARM,
    Claim.NON_INFERIORITY,
    unit="rate",
    better="lower",
    raw=0.9,
    bar=0.5,
    score=0.1,
    evidence={"sections": [{"opening": "The lamp", "base": "burns out now", "tuned": "burns oil now", "recall": 0.9}]},
)
TURNS = ProbeResult(
    "holds",
    "multi_turn_coherence_decay",
    Category.ADHERENCE,
    Verdict.FAIL,
    "half-life 1.2 turns",
    Reason.SHAPE,
    Claim.SHAPE,
    checks=(Check("half_life_turns", 1.2, low=2.0),),
    evidence={"per_turn": [0.4, 0.2, 0.1, 0.05], "half_life_turns": 1.2},
)
LOSS = ProbeResult(
    "loss",
    "training_drift",
    Category.CALIBRATION,
    Verdict.WARN,
    "instability events 1, needs <= 0",
    Reason.SHAPE,
    Claim.DIAGNOSTIC,
    required=False,
    checks=(Check("instability_events", 1, high=0, soft=True),),
    evidence={"steps": 12, "loss": [5.0, 4.0, 6.5, 3.0, 2.5, 2.2], "instability_steps": [5]},
)
NO_OP = ProbeResult(
    "__preflight__", "__preflight__", Category.BASELINE, Verdict.FAIL, "the adapter is a no-op", Reason.NOISE
)
NOT_FINITE = replace(NO_OP, verdict=Verdict.ERROR, reason=Reason.NOT_MEASURED, message="weights are not finite")
NASTY = (
    "\x1b[2J\x1b]0;x\x07",
    "a\rb\x00c\x9b31m",
    "\u202egnp.exe\u2066",
    "::error::x ##[error]y\n::set-output name=a::b",
    "<script>document.title='run'</script><img src=x onerror=document.title='run'>",
    "]]></failure><!-- --><b>&amp;\"'",
    "```\n# heading\n```\n| a | b |",
    "[link](javascript:x) ![image](http://x/y.png) <https://x> www.x.com @someone a@b.com #1 $x^$",
    "\ud800 lone \udfff \ufffe\uffff",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 100_000,
    "",
)


def result(*probes: ProbeResult, **fields: object) -> SuiteResult:
    """A whole run of these probes."""
    whole = SuiteResult(
        sway_version="0",
        spec_path="sway.yaml",
        base_model_id="org/base",
        adapter_id="adapter",
        started_at=NOW,
        finished_at=NOW,
        determinism=DeterminismReport(Determinism.BEST_EFFORT, 0),
        backend=BackendStats(requests=3, device="cpu"),
        score=compose(probes, merge_weights(), 0.6),
        probes=probes,
        alpha=0.05,
    )
    return replace(whole, **fields)


def report(*probes: ProbeResult, **fields: object) -> Report:
    """The report of a run of these probes."""
    found = result(*probes, **fields)
    return to_report(found, decide(found))


def gated(decision: Decision, *probes: ProbeResult) -> Report:
    """The report of a run of these probes that the gate decided so."""
    return to_report(result(*probes), decision)


def hostile(texts: tuple[str, ...]) -> Report:
    """A report in which every text that comes from outside is one of `texts`."""
    pick = [texts[i % len(texts)] for i in range(8)]
    evidence: Mapping[str, Any] = {
        pick[0] or "empty": pick[1],
        "per_prompt": [{"prompt": t, "divergence": 0.1, "gained": [t], "lost": [t, t]} for t in texts],
        "sections": [{"preview": t, "contrast": 0.1, "base": t, "tuned": t[::-1], "gold": t} for t in texts],
        "rows": [{t[:50]: t, "n": [1, {t[:20]: t}]} for t in texts],
        "nested": {t[:30]: {t[:30]: t} for t in texts},
    }
    verdicts = (Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.ERROR)
    probes = [
        replace(CHANGED, name=t, message=t, unit=t, measures=t, verdict=verdicts[i % 4], evidence={} if i else evidence)
        for i, t in enumerate(texts)
    ]
    probes += [replace(LEARNED, name=f"learned {pick[2]}"), replace(SHAPE, kind=pick[3] or "x")]
    ids = {"spec_path": pick[4], "base_model_id": pick[5], "adapter_id": pick[6], "notes": (pick[7],)}
    return report(*probes, **ids)


HUGE = tuple(
    replace(
        CHANGED,
        name=f"changed {i}",
        evidence={"rows": [{f"column {j}": f"cell {k} {'y' * 500}" for j in range(12)} for k in range(100)]},
        samples=(0.1,) * 2000,
    )
    for i in range(12)
)
HELD = (CHANGED, replace(LEARNED, verdict=Verdict.PASS, reason=Reason.HOLDS, raw=0.3, score=0.8))
CASES: Mapping[str, Report] = {
    "pass": report(*HELD),
    "threshold": gated(decide(result(*HELD), threshold=0.9), *HELD),
    "fail on warn": gated(decide(result(CHANGED, SHAPE), fail_on=FailOn.WARN), CHANGED, SHAPE),
    "fail": report(CHANGED, LEARNED, SHAPE, RECITED, TURNS, LOSS, SKIPPED),
    "warn": report(
        replace(CHANGED, verdict=Verdict.WARN, reason=Reason.INCONCLUSIVE, samples_needed=30), replace(SHAPE, line=None)
    ),
    "error": report(CHANGED, BROKEN),
    "preflight": report(NOT_FINITE, replace(SKIPPED, required=True)),
    "no-op": report(NO_OP),
    "skips": report(SKIPPED, replace(SKIPPED, name="other", required=True, message="needs the semsim extra")),
    "no probes": report(backend=None, adapter_id=""),
    "hostile": hostile(tuple(t[:200] for t in NASTY)),
}
