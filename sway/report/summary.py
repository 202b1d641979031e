"""The one view-model that every renderer draws: verdict first, then why, then what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sway.core.measurement import Category, Claim
from sway.core.results import ProbeResult, SuiteResult
from sway.core.verdicts import Reason, Verdict
from sway.engine.gate import Decision
from sway.engine.score import read_profile
from sway.engine.words import number, sigma
from sway.report.advice import advise


@dataclass(frozen=True)
class Row:
    """One probe: the number that was measured, its bar, and how it stands to noise."""

    name: str
    kind: str
    category: Category
    verdict: Verdict
    required: bool
    measured: str
    bar: str
    noise: str
    message: str
    advice: str


@dataclass(frozen=True)
class Summary:
    """A whole report in words."""

    verdict: Verdict
    headline: str
    score: str
    adapter: str
    base: str
    spec: str
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    profiles: tuple[str, ...]
    footer: tuple[str, ...]

    @property
    def troubled(self) -> tuple[Row, ...]:
        """The rows that a reader must look at."""
        return tuple(
            r for r in self.rows if r.verdict is not Verdict.PASS and (r.required or r.verdict is not Verdict.SKIP)
        )


def summarize(result: SuiteResult, decision: Decision) -> Summary:
    """Put a result and the gate's decision into words."""
    return Summary(
        verdict=decision.verdict,
        headline=_headline(result, decision),
        score=_score(result, decision),
        adapter=_near(result.adapter_id),
        base=_near(result.base_model_id),
        spec=_near(result.spec_path),
        reasons=decision.reasons,
        rows=tuple(_row(p) for p in result.probes),
        profiles=tuple(f"{p.name}: {_profile(p)}" for p in result.probes if p.z_by_rank),
        footer=_footer(result),
    )


def _near(path: str) -> str:
    """A path below the working folder without what leads to it; anything else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd())) if path else path
    except (ValueError, OSError):
        return path


def _score(result: SuiteResult, decision: Decision) -> str:
    """The composite; its band would contradict a closed gate and is left out there."""
    if result.score.overall is None:
        return "no score"
    open_gate = decision.verdict in (Verdict.PASS, Verdict.WARN)
    return f"score {result.score.overall:.2f}" + (f", {result.score.band}" if open_gate else "")


def _row(p: ProbeResult) -> Row:
    measured = "" if p.raw is None or p.claim is Claim.DIAGNOSTIC else f"{number(p.raw)} {p.unit}".rstrip()
    if p.ci_95 is not None:
        measured += f" [{number(p.ci_95.low)}, {number(p.ci_95.high)}]"
    return Row(p.name, p.kind, p.category, p.verdict, p.required, measured, _bar(p), _noise(p), p.message, advise(p))


def _bar(p: ProbeResult) -> str:
    if p.bar is None:
        broken = sum(not c.holds for c in p.checks)
        return f"{len(p.checks) - broken} of {len(p.checks)} checks hold" if p.checks else ""
    return f"{'at least' if p.better == 'higher' else 'at most'} {number(p.bar)}"


def _noise(p: ProbeResult) -> str:
    if p.p_value is None:
        return ""
    z = f"{sigma(p.z_score)} sigma, " if p.z_score is not None else ""
    return f"{z}p {p.p_value:.2g}"


def _headline(result: SuiteResult, decision: Decision) -> str:
    """One sentence that answers the question for which sway was run."""
    if decision.verdict is Verdict.ERROR:
        return "No verdict: something that the gate requires could not be measured."
    if faults := _faults(result):
        return f"The adapter {_listed(faults)}."
    if decision.verdict is Verdict.FAIL:
        return "The gate is closed."
    claims = _claims(result)
    sentence = f"The adapter {_listed(claims)}." if claims else "Every check holds."
    return sentence if decision.verdict is Verdict.PASS else f"{sentence} Some of it is not settled yet."


def _profile(p: ProbeResult) -> str:
    """Z against nulls of several ranks, the adapter's own first, and what the shape says."""
    by_rank = {float(key.removeprefix("rank_")): z for key, z in p.z_by_rank.items()}
    order = sorted(by_rank, key=lambda rank: (rank != 1, rank))
    shown = " / ".join(f"{sigma(by_rank[rank])} sigma @ {rank:g}x" for rank in order)
    return f"{shown}; {read_profile(p.z_by_rank)}"


def _listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _faults(result: SuiteResult) -> list[str]:
    said = {
        (Category.ADHERENCE, Reason.NOISE): "changes the model no more than random noise of its own size does",
        (Category.ADHERENCE, Reason.NEGLIGIBLE): "changes the model too little to matter",
        (Category.ATTRIBUTION, Reason.NOISE): "did not learn its own text more than any other",
        (Category.ATTRIBUTION, Reason.NEGLIGIBLE): "did not learn its own text more than any other",
        (Category.CALIBRATION, Reason.HARM): "makes the model worse at other text",
        (Category.ABLATION, Reason.SHAPE): "does not act smoothly as its strength grows",
        (Category.CALIBRATION, Reason.SHAPE): "shows signs of broken training",
        (Category.BASELINE, Reason.NOISE): "is a no-op",
    }
    failed = [p for p in result.probes if p.verdict is Verdict.FAIL and p.required]
    return list(dict.fromkeys(said.get((p.category, p.reason), f"fails {p.name}") for p in failed))


def _claims(result: SuiteResult) -> list[str]:
    passed = {(p.category, p.claim) for p in result.probes if p.verdict is Verdict.PASS}
    claims = []
    if (Category.ADHERENCE, Claim.SUPERIORITY) in passed:
        claims.append("changed the model beyond noise")
    if (Category.ATTRIBUTION, Claim.SUPERIORITY) in passed:
        claims.append("learned its own text rather than just any text")
    if (Category.CALIBRATION, Claim.NON_INFERIORITY) in passed:
        claims.append("did no harm that was looked for")
    return claims


def _footer(result: SuiteResult) -> tuple[str, ...]:
    d, b = result.determinism, result.backend
    lines = [f"determinism {d.achieved}, seed {d.seed}" + "".join(f"; {note}" for note in d.notes)]
    nulls = {(p.null.n, str(p.null.family)) for p in result.probes if p.null}
    lines += [f"{n} {family} nulls, alpha {result.alpha:g}" for n, family in sorted(nulls)]
    if result.omnibus_p is not None:
        lines.append(f"any effect anywhere: p {result.omnibus_p:.2g}")
    if b is not None:
        asked = f"{b.requests} questions in {b.forward_passes} forward passes"
        lines.append(f"{asked}, {b.cpu_seconds:.1f} CPU-s on {b.threads} threads, {b.device} {b.dtype}".rstrip())
    return (*lines, *result.notes, f"sway {result.sway_version}")
