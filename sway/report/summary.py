"""The one view-model that every renderer draws: verdict first, then why, then what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sway.core.exits import Exit
from sway.core.measurement import Category, Claim
from sway.core.verdicts import Verdict
from sway.engine.score import read_profile
from sway.engine.words import below_its_number, check_words, number, sigma
from sway.report import remedies
from sway.report.advice import Advice, advise, rank_profile
from sway.report.charts import Chart, charts
from sway.report.evidence import Evidence, read_evidence
from sway.report.headline import headline
from sway.report.records import ProbeRecord, Report


@dataclass(frozen=True)
class Row:
    """One probe: the number that was measured, its bar, how it stands to noise, and the evidence for it.

    `question` is what the probe asks, empty for a kind that this release does not know; `meaning` tells what a
    number that did not hold says of the adapter.
    """

    name: str
    kind: str
    category: Category
    verdict: Verdict
    required: bool
    measured: str
    bar: str
    noise: str
    message: str
    advice: tuple[Advice, ...]
    question: str = ""
    meaning: str = ""
    line: int | None = None
    seconds: float = 0.0
    checks: tuple[tuple[str, bool], ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    charts: tuple[Chart, ...] = ()

    @property
    def troubled(self) -> bool:
        """Whether a reader must look at it."""
        return self.verdict is not Verdict.PASS and (self.required or self.verdict is not Verdict.SKIP)


@dataclass(frozen=True)
class Summary:
    """A whole report in words. `components` are the categories' scores."""

    verdict: Verdict
    exit_code: int
    headline: str
    score: str
    overall: float | None
    band: str
    components: tuple[tuple[str, float], ...]
    adapter: str
    base: str
    spec: str
    started: datetime
    seconds: float
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    profiles: tuple[str, ...]
    footer: tuple[str, ...]
    version: str

    @property
    def troubled(self) -> tuple[Row, ...]:
        """The rows that a reader must look at."""
        return tuple(row for row in self.rows if row.troubled)

    @property
    def closed(self) -> bool:
        """Whether the gate keeps the adapter out, be it that nothing could be judged."""
        return self.exit_code != Exit.PASS

    @property
    def standing(self) -> str:
        """How the gate stands, in fixed words that the reasons follow; empty where it has none, as at a pass."""
        if not self.reasons or (self.verdict is Verdict.PASS and not self.closed):
            return ""
        return "closed:" if self.closed else "open, though"

    @property
    def gate(self) -> str:
        """How the gate stands and why, in a sentence; empty as `standing` is."""
        return f"The gate is {self.standing} {'; '.join(self.reasons)}" if self.standing else ""


def summarize(report: Report) -> Summary:
    """Put a report into words."""
    asked = _questions()
    return Summary(
        verdict=Verdict(report.gate.verdict),
        exit_code=report.gate.exit_code,
        headline=headline(report),
        score=_score(report),
        overall=report.score.overall,
        band=report.score.band,
        components=tuple(report.score.components.items()),
        adapter=report.adapter_id,
        base=report.base_model_id,
        spec=report.spec_path,
        started=report.started_at,
        seconds=report.wall_seconds,
        reasons=tuple(report.gate.reasons),
        rows=tuple(_row(report, p, asked.get(p.kind, "")) for p in report.probes),
        profiles=tuple(f"{p.name}: {_profile(ranks)}" for p in report.probes if (ranks := rank_profile(p))),
        footer=_footer(report),
        version=report.sway_version,
    )


def _questions() -> Mapping[str, str]:
    from sway.probes.registry import REGISTRY

    return {kind: probe.question for kind, probe in REGISTRY.items()}


def _score(report: Report) -> str:
    """The composite; its band would contradict a closed gate and is left out there."""
    if report.score.overall is None:
        return "no score"
    open_gate = report.gate.verdict in (Verdict.PASS, Verdict.WARN) and report.gate.exit_code == Exit.PASS
    return f"score {report.score.overall:.2f}" + (f", {report.score.band}" if open_gate else "")


def _row(report: Report, p: ProbeRecord, question: str) -> Row:
    measured = "" if p.raw is None or p.claim is Claim.DIAGNOSTIC else f"{number(p.raw)} {p.unit}".rstrip()
    if p.ci_95 is not None:
        measured += f" [{number(p.ci_95[0])}, {number(p.ci_95[1])}]"
    return Row(
        name=p.name,
        kind=p.kind,
        category=p.category,
        verdict=p.verdict,
        required=p.required,
        measured=measured,
        bar=_bar(p),
        noise=_noise(p),
        message=p.message,
        advice=advise(p),
        question=question,
        meaning=remedies.MEANING.get(p.reason, "") if p.verdict is not Verdict.PASS else "",
        line=p.line,
        seconds=p.duration_s,
        checks=tuple((check_words(c.check()), c.holds) for c in p.checks),
        evidence=read_evidence(p.evidence),
        charts=charts(p, report.null_stats.get(p.name)),
    )


def _bar(p: ProbeRecord) -> str:
    if p.bar is None:
        broken = sum(not c.holds for c in p.checks)
        return f"{len(p.checks) - broken} of {len(p.checks)} checks hold" if p.checks else ""
    upper = "below" if below_its_number(p.bar) else "at most"
    return f"{'at least' if p.better == 'higher' else upper} {number(p.bar)}"


def _noise(p: ProbeRecord) -> str:
    if p.p_value is None:
        return ""
    z = f"{sigma(p.z_score)} sigma, " if p.z_score is not None else ""
    return f"{z}p {p.p_value:.2g}"


def _profile(ranks: Mapping[float, float]) -> str:
    """Z against nulls of several ranks, the adapter's own first, and what the shape says."""
    order = sorted(ranks, key=lambda rank: (rank != 1, rank))
    shown = " / ".join(f"{sigma(ranks[rank])} sigma @ {rank:g}x" for rank in order)
    return f"{shown}; {read_profile({f'rank_{m!r}': z for m, z in ranks.items()})}"


def _footer(report: Report) -> tuple[str, ...]:
    d, b = report.determinism, report.backend_stats
    lines = [f"determinism {d.class_}, seed {d.seed}" + "".join(f"; {note}" for note in d.notes)]
    nulls = {(n.n, n.family) for n in report.null_stats.values()}
    lines += [f"{n} {family} nulls, alpha {report.alpha:g}" for n, family in sorted(nulls)]
    if report.omnibus_p is not None:
        lines.append(f"any effect anywhere: p {report.omnibus_p:.2g}")
    if {"requests", "forward_passes", "cpu_seconds", "threads", "device", "dtype"} <= b.keys():
        asked = f"{b['requests']} questions in {b['forward_passes']} forward passes"
        spent = b["cpu_seconds"]
        cost = f"{f'{spent:.1f}' if isinstance(spent, int | float) else spent} CPU-s on {b['threads']} threads"
        lines.append(f"{asked}, {cost}, {b['device']} {b['dtype']}".rstrip())
    return (*lines, *report.notes, f"sway {report.sway_version}")
