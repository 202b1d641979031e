"""The gate: from a suite's result to one decision that never fails open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sway.core.exits import Exit
from sway.core.measurement import Category
from sway.core.results import ProbeResult, SuiteResult
from sway.core.verdicts import Verdict


class FailOn(StrEnum):
    """Which verdicts close the gate. `never` still closes it where nothing could be judged."""

    FAIL = "fail"
    WARN = "warn"
    NEVER = "never"


@dataclass(frozen=True)
class Decision:
    """The gate's verdict, its exit code, and the reasons in order of weight."""

    verdict: Verdict
    exit: Exit
    reasons: tuple[str, ...]


def decide(result: SuiteResult, *, threshold: float = 0.0, fail_on: FailOn = FailOn.FAIL) -> Decision:
    """Pass only if every required probe was measured and passed and the composite reaches `threshold`.

    A required FAIL decides; failing that, a required ERROR or SKIP means that no verdict is
    possible. A probe that is not required can neither close nor open the gate.
    """
    required = [p for p in result.probes if p.required]
    failed = [f"{p.name} failed" for p in required if p.verdict is Verdict.FAIL]
    unjudged = _unjudged(result.probes)
    warned = [f"{p.name} warned" for p in required if p.verdict is Verdict.WARN]
    overall = result.score.overall
    if overall is not None and overall < threshold:
        failed.append(f"score {overall:.2f} is below the threshold {threshold:g}")
    elif overall is None and threshold > 0 and not failed:
        unjudged.append("there is no score to hold against the threshold")
    if failed:
        return _closed(Verdict.FAIL, [*failed, *unjudged], fail_on, hard=bool(unjudged))
    if unjudged:
        return Decision(Verdict.ERROR, Exit.NO_VERDICT, tuple(unjudged))
    if warned:
        exit_code = Exit.GATE_FAILED if fail_on is FailOn.WARN else Exit.PASS
        return Decision(Verdict.WARN, exit_code, tuple(warned))
    return Decision(Verdict.PASS, Exit.PASS, ())


def _unjudged(probes: Sequence[ProbeResult]) -> list[str]:
    said = {Verdict.ERROR: "could not be measured", Verdict.SKIP: "was skipped but is required"}
    unjudged = [f"{p.name} {said[p.verdict]}" for p in probes if p.required and p.verdict in said]
    if not unjudged and not any(p.required and _tells(p) for p in probes):
        mend = "; set required: true for one that is to decide" if any(map(_tells, probes)) else ""
        unjudged.append(f"no required probe was measured{mend}")
    return unjudged


def _tells(p: ProbeResult) -> bool:
    """Whether a result says something of the adapter: a baseline does only where it finds a no-op."""
    return p.verdict.measured and (p.category is not Category.BASELINE or p.verdict is Verdict.FAIL)


def _closed(verdict: Verdict, reasons: list[str], fail_on: FailOn, *, hard: bool) -> Decision:
    """A failed gate; `never` lifts it only if everything required was measured."""
    if fail_on is not FailOn.NEVER:
        return Decision(verdict, Exit.GATE_FAILED, tuple(reasons))
    return Decision(verdict, Exit.NO_VERDICT if hard else Exit.PASS, tuple(reasons))
