"""What the reports come to: one verdict and one exit code, never greener than any report or than the gate's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sway.core.errors import SwayError
from sway.core.exits import Exit, worst
from sway.core.verdicts import GRAVEST_FIRST, Verdict
from sway.engine.compare import Change, Comparison, Side, compare
from sway.engine.gate import Decision, FailOn, decide
from sway.github.baseline import Baseline, Unread
from sway.github.settings import Wanted
from sway.report.baseline import read_side
from sway.report.comparison import settle
from sway.report.reading import read_report
from sway.report.records import GateRecord, Report
from sway.report.revive import result_of
from sway.report.summary import Summary, summarize

MOST_REPORTS = 100
CONTRADICTS = "The report claims a better verdict than its own probes have; theirs counts."
NOT_ALONE = (
    "The gate's own exit code is worse than what its reports say, or something that it needs could not be read, so "
    "that they are not taken for a pass. The log of the run says which."
)
UNFIT = "The run that made this report did not end in success, so that it is not taken for a pass."
WARNED = "This closes the gate, as the workflow says fail-on: warn."
LET_PASS = "This does not close the gate, as the workflow says fail-on: never."
ELSEWHERE = "The run that made this report did not end in success, though its gate says that this part did."
MISSING = "There is no report: the gate ended before it had written one, or it is not where it was looked for."
TORN = "The base branch's report cannot be read, so that a regression cannot be seen."
UNREAD = {
    Unread.DENIED: (
        "The base branch's last report could not be read, so that a regression cannot be seen: give the job the "
        "permission actions: read."
    ),
    Unread.FAULT: (
        "The base branch's last report could not be read, so that a regression cannot be seen; the log of the run "
        "says why."
    ),
}
NO_BASELINE = (
    "There is no earlier report of the base branch, so that a regression cannot be seen: run this workflow on pushes "
    "to it."
)
NONE_YET = "There is no earlier report of the base branch to compare with yet: run this workflow on pushes to it."


@dataclass(frozen=True)
class Judged:
    """One report: in words, held against the base branch's, and what that comes to.

    Without a `summary` it could not be read, and `why` tells the reason, which may quote it.
    `notes` are fixed words, and so are `asides`, which need nobody's attention.
    """

    name: str
    verdict: Verdict
    exit: Exit
    summary: Summary | None = None
    against: Comparison | None = None
    notes: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()
    why: str = ""

    @property
    def regressed(self) -> bool:
        """Whether a required probe is worse than before, beyond chance and enough to count."""
        rows = self.against.rows if self.against else ()
        return any(row.change is Change.REGRESSED and row.required for row in rows)

    @property
    def score(self) -> float | None:
        """The composite."""
        return self.summary.overall if self.summary else None


@dataclass(frozen=True)
class Outcome:
    """All reports together."""

    reports: tuple[Judged, ...]
    verdict: Verdict
    exit: Exit
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it may be merged; `--fail-on never` changes the exit code, and not this."""
        return self.exit is Exit.PASS and self.verdict in (Verdict.PASS, Verdict.WARN)

    @property
    def score(self) -> float | None:
        """The lowest composite."""
        return min((each.score for each in self.reports if each.score is not None), default=None)

    @property
    def regressed(self) -> bool | None:
        """Whether anything did; None where nothing could be compared."""
        compared = [r for r in self.reports if r.against is not None and r.against.comparable]
        return any(r.regressed for r in compared) if compared else None


def report_files(places: Sequence[Path]) -> list[Path]:
    """The files among `places`, and the JSON files of each folder, in order."""
    found: list[Path] = []
    for place in places:
        inside = sorted(p for p in place.glob("*.json") if not p.name.startswith(".")) if place.is_dir() else [place]
        found += inside
    if len(found) > MOST_REPORTS:
        raise SwayError(f"{len(found)} reports are more than {MOST_REPORTS}", where=str(places[0]))
    return found


def _plain_file(path: Path, places: Sequence[Path]) -> None:
    """Raise `SwayError` for what the gate may have left in its folder to lead elsewhere, or to wait at forever."""
    if path not in places and path.is_symlink():
        raise SwayError("is a link, and not a file")
    if path.exists() and not path.is_file():
        raise SwayError("is not a plain file")


def conclude(
    places: Sequence[Path], baseline: Baseline, wanted: Wanted, *, gate_exit: int | None, failed: bool = False
) -> Outcome:
    """Read every report and decide.

    `gate_exit` is the exit code of the process that wrote them. Where it is not known, `failed` stands for it: that
    the run they are from did not end in success. Where it is, another leg of the matrix may be what failed.
    """
    reports = tuple(judge(path, baseline, wanted, places) for path in report_files(places))
    whole = reports and all(each.summary is not None for each in reports)
    code = worst([each.exit for each in reports]) if whole else Exit.NO_VERDICT
    verdict = _gravest([each.verdict for each in reports]) if reports else Verdict.ERROR
    if code is not Exit.PASS:
        own = Exit.PASS if gate_exit is None else _known(gate_exit)
        # Without all reports there is no verdict, whatever else failed; only unusable input comes before that.
        code = worst([code, own]) if whole or own is Exit.USAGE else code
        verdict = _closing(verdict, code, wanted)
        warned = (WARNED,) if verdict is Verdict.WARN else ()
        return Outcome(reports, verdict, code, warned if reports else (MISSING,))
    code, notes = _beside(verdict, gate_exit, failed)
    return Outcome(reports, _closing(verdict, code, wanted), code, notes)


def _beside(verdict: Verdict, gate_exit: int | None, failed: bool) -> tuple[Exit, tuple[str, ...]]:
    """What becomes of reports that close nothing, by how the gate and its run ended."""
    if gate_exit is None and failed:
        return Exit.NO_VERDICT, (UNFIT,)
    code = Exit.PASS if gate_exit is None else _known(gate_exit)
    if code is not Exit.PASS:
        return code, (NOT_ALONE,)
    return code, ((ELSEWHERE,) if failed else ()) + ((LET_PASS,) if verdict is Verdict.FAIL else ())


def judge(path: Path, baseline: Baseline, wanted: Wanted, places: Sequence[Path] = ()) -> Judged:
    """One report, held to its own probes and to the base branch's report; nothing that it claims makes it better."""
    try:
        _plain_file(path, places)
        report = read_report(path)
        decision, notes = _decided(report, wanted.fail_on)
        now = read_side(path)
    except (SwayError, ValueError, TypeError) as fault:
        why = fault.what if isinstance(fault, SwayError) else str(fault)
        return Judged(path.name, Verdict.ERROR, Exit.NO_VERDICT, why=why)
    against, told = _held(baseline, path.name, now, wanted)
    if wanted.fail_on_regression and (against is not None or told in (TORN, *UNREAD.values())):
        decision = settle(decision, against) if against else _unsettled(decision)
    shown = report.model_copy(update={"gate": _record(decision)})
    asides = (told,) if told == NONE_YET else ()
    notes += (told,) if told and not asides else ()
    return Judged(path.name, decision.verdict, decision.exit, summarize(shown), against, notes, asides)


def _held(baseline: Baseline, name: str, now: Side, wanted: Wanted) -> tuple[Comparison | None, str]:
    """The report against the base branch's; where there is none, what to say of it, if anything."""
    try:
        before = baseline.of(name, now.spec)
    except SwayError:
        return None, TORN
    if before is not None:
        return compare(before, now), ""
    if baseline.unread is not None:
        return None, UNREAD[baseline.unread]
    if wanted.fail_on_regression:
        return None, NO_BASELINE
    return None, "" if baseline.place is None else NONE_YET


def _unsettled(decision: Decision) -> Decision:
    """Where nobody can tell whether it is worse, it has not passed; a failure stays one."""
    closed = decision.exit is Exit.GATE_FAILED
    return decision if closed else replace(decision, verdict=Verdict.ERROR, exit=Exit.NO_VERDICT)


def _decided(report: Report, fail_on: FailOn) -> tuple[Decision, tuple[str, ...]]:
    """The graver of what a report claims and what its probes say."""
    own = decide(result_of(report), fail_on=fail_on)
    claimed, code = Verdict(report.gate.verdict), _known(report.gate.exit_code)
    verdict = _gravest([own.verdict, claimed])
    code = worst([own.exit, code, _exit(claimed, fail_on)])
    greener = verdict is not claimed
    reasons = dict.fromkeys([*report.gate.reasons, *own.reasons])
    return Decision(_closing(verdict, code, Wanted(fail_on)), code, tuple(reasons)), (CONTRADICTS,) if greener else ()


def _exit(verdict: Verdict, fail_on: FailOn) -> Exit:
    """The least exit code of a verdict."""
    if verdict is Verdict.ERROR:
        return Exit.NO_VERDICT
    closed = {Verdict.FAIL: fail_on is not FailOn.NEVER, Verdict.WARN: fail_on is FailOn.WARN}
    return Exit.GATE_FAILED if closed.get(verdict) else Exit.PASS


def _closing(verdict: Verdict, code: Exit, wanted: Wanted) -> Verdict:
    """The verdict where an exit code tells more: whatever is closed has not passed."""
    if code is Exit.GATE_FAILED and verdict is Verdict.WARN and wanted.fail_on is FailOn.WARN:
        return verdict
    if code is Exit.PASS or verdict in (Verdict.FAIL, Verdict.ERROR):
        return verdict
    return Verdict.FAIL if code is Exit.GATE_FAILED else Verdict.ERROR


def _gravest(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=GRAVEST_FIRST.index)


def _known(code: int) -> Exit:
    """An exit code of ours; whatever else ended a process, there is no verdict."""
    return Exit(code) if code in (Exit.PASS, Exit.GATE_FAILED, Exit.USAGE) else Exit.NO_VERDICT


def _record(decision: Decision) -> GateRecord:
    return GateRecord.model_validate(
        {"verdict": decision.verdict, "exit_code": int(decision.exit), "reasons": list(decision.reasons)}
    )
