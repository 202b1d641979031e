"""Is one run worse than another? Paired by what was asked, probe by probe.

A probe regressed if its paired differences are beyond chance (a sign-flip test, adjusted for all probes compared by
Holm's procedure) *and* their mean is worse by more than a least effect. What is worse is the probe's own `better`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sway.core.exits import Exit
from sway.core.measurement import Claim
from sway.core.results import Digests, Interval, ProbeResult, SuiteResult
from sway.core.verdicts import Verdict
from sway.engine.pairs import NotPaired, Pairs, matched, pair_up, tested
from sway.stats.paired import holm, pairs_needed

SHARE = 0.1
"""A difference counts from this share of the bar on, or of the baseline's own value where that is larger."""


class Change(StrEnum):
    """What became of one probe since the baseline."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    SAME = "no difference"
    LOST = "lost"
    ADDED = "added"
    APART = "not compared"


@dataclass(frozen=True)
class Side:
    """One run, as far as a comparison needs it.

    `numerics` names device and dtype, `nulls` the nulls of each probe, `overall` is the composite score,
    `spec` the path that was given.
    """

    name: str
    sway_version: str
    base: str
    adapter: str
    alpha: float
    probes: tuple[ProbeResult, ...]
    digests: Digests = field(default_factory=Digests)
    numerics: str = ""
    nulls: Mapping[str, str] = field(default_factory=dict)
    overall: float | None = None
    spec: str = ""

    @classmethod
    def of(cls, result: SuiteResult, name: str = "") -> Side:
        """The side of a run that has just ended."""
        backend = result.backend
        return cls(
            name=name or result.adapter_id,
            sway_version=result.sway_version,
            base=result.base_model_id,
            adapter=result.adapter_id,
            alpha=result.alpha,
            probes=result.probes,
            digests=result.digests,
            numerics=f"{backend.device} {backend.dtype}" if backend else "",
            nulls={p.name: f"{p.null.n} {p.null.family}" for p in result.probes if p.null},
            overall=result.score.overall,
            spec=result.spec_path,
        )


@dataclass(frozen=True)
class Row:
    """One probe, then and now. `difference` is now less then, in `unit`; `gain` is the same, positive where better.

    `adjusted_p` is Holm's. `floor` is the least difference that counts; `needed` about how many questions would
    show it. `fails_now` marks a probe that held and holds no more. `why` says what kept the probe from being
    compared, or what decided beside the pairs.
    """

    name: str
    kind: str
    change: Change
    required: bool
    unit: str = ""
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    gain: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    adjusted_p: float | None = None
    least_p: float | None = None
    floor: float | None = None
    needed: int | None = None
    pairs: int = 0
    unequal: int = 0
    only_before: int = 0
    only_after: int = 0
    fails_now: bool = False
    why: str = ""

    @property
    def compared(self) -> bool:
        """Whether the probe was measured both times, in a way that can be held against each other."""
        return self.change in (Change.REGRESSED, Change.IMPROVED, Change.SAME)


@dataclass(frozen=True)
class Comparison:
    """All probes of two runs, and what else differs between the two."""

    before: Side
    after: Side
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    alpha: float
    share: float

    @property
    def comparable(self) -> bool:
        """Whether anything was asked both times. A probe that was asked again and failed to answer is lost."""
        again = {(p.name, p.kind) for p in self.after.probes}
        lost = [r for r in self.rows if r.change is Change.LOST]
        asked_again = _preflight(self.after) or any((r.name, r.kind) in again for r in lost)
        return any(r.compared for r in self.rows) or bool(lost and asked_again)

    def exit(self) -> Exit:
        """1 where a required probe regressed; else 3 where one was lost or cannot be compared; else 0."""
        required = [r for r in self.rows if r.required]
        if any(r.change is Change.REGRESSED for r in required):
            return Exit.GATE_FAILED
        lost = any(r.change in (Change.LOST, Change.APART) for r in required)
        return Exit.NO_VERDICT if lost or not self.comparable else Exit.PASS


def compare(before: Side, after: Side, *, share: float = SHARE) -> Comparison:
    """Hold `after` against `before`, whose alpha and bars decide."""
    fault = _preflight(after)
    rows = [_row(old, new, share, fault) for old, new in matched(before.probes, after.probes)]
    adjusted = iter(holm([r.p_value for r, _ in rows if r.p_value is not None]))
    tests = sum(r.p_value is not None for r, _ in rows)
    decided = [_decided(r, p, next(adjusted), before.alpha, tests) if p else r for r, p in rows]
    return Comparison(before, after, tuple(decided), _notes(before, after), before.alpha, share)


def _preflight(side: Side) -> str:
    """Why nothing of a run could be measured, if so."""
    return next((p.message for p in side.probes if p.kind == "__preflight__"), "")


def _row(old: ProbeResult | None, new: ProbeResult | None, share: float, fault: str) -> tuple[Row, Pairs | None]:
    """A probe's row before its p-value is adjusted, and the pairs that it rests on."""
    then, now = (p is not None and p.verdict.measured for p in (old, new))
    shown = new or old
    assert shown is not None
    row = Row(shown.name, shown.kind, Change.APART, any(p.required for p in (old, new) if p), shown.unit)
    if old is not None and then:
        row = replace(row, before=old.raw)
    if new is not None and now:
        row = replace(row, after=new.raw)
    if then and now and old and new:
        return _held(row, old, new, share)
    if then:
        why = f"{new.verdict} now: {new.message}" if new else fault or "not in the suite any more"
        return replace(row, change=Change.LOST, why=why), None
    if not now:
        return replace(row, why="measured neither time"), None
    if old and (old.required or old.verdict is Verdict.ERROR):  # what a spec leaves out is an optional SKIP
        return replace(row, why=f"{old.verdict} in the baseline: {old.message}"), None
    return replace(row, change=Change.ADDED, why="not measured in the baseline"), None


def _held(row: Row, old: ProbeResult, new: ProbeResult, share: float) -> tuple[Row, Pairs | None]:
    bare = (not old.samples, not new.samples)
    if all(bare) or (any(bare) and old.claim in (Claim.SHAPE, Claim.DIAGNOSTIC)):
        return _by_verdict(row, old.verdict, new.verdict), None
    try:
        pairs = pair_up(old, new)
    except NotPaired as reason:
        return replace(row, why=str(reason)), None
    test = tested(pairs, old.name)
    sign = 1.0 if old.better == "higher" else -1.0
    bar = abs(old.bar) if old.bar is not None else 0.0
    return (
        replace(
            row,
            before=pairs.before,
            after=pairs.after,
            difference=pairs.difference,
            gain=sign * pairs.difference,
            interval=test.interval,
            p_value=test.flip.p_value,
            least_p=test.flip.least_p,
            floor=share * max(bar, abs(pairs.before)),
            pairs=len(pairs.differences),
            unequal=pairs.unequal,
            only_before=pairs.only_before,
            only_after=pairs.only_after,
            fails_now=new.verdict is Verdict.FAIL and old.verdict is not Verdict.FAIL,
        ),
        pairs,
    )


def _by_verdict(row: Row, then: Verdict, now: Verdict) -> Row:
    """Without samples there is no telling chance from change: only a failure on one side counts."""
    failed = (then is Verdict.FAIL, now is Verdict.FAIL)
    change = {(False, True): Change.REGRESSED, (True, False): Change.IMPROVED}.get(failed, Change.SAME)
    why = f"{now} both times" if then is now else f"{then} before, {now} now"
    return replace(row, change=change, why=f"{why}; it has no samples to pair")


def _decided(row: Row, pairs: Pairs, adjusted: float, alpha: float, tests: int) -> Row:
    floor, gain = row.floor or 0.0, row.gain or 0.0
    change, why = Change.SAME, ""
    if adjusted <= alpha and abs(gain) >= floor:
        change = Change.IMPROVED if gain > 0 else Change.REGRESSED
    if change is Change.IMPROVED and row.fails_now:
        # More of it is no gain where it no longer means anything: a broken adapter changes the model most of all.
        change, why = Change.REGRESSED, "it held before and fails now, although the number itself grew for the better"
    needed = pairs_needed(
        pairs.differences, pairs.reference, least=floor, alpha=alpha / tests, yes_or_no=pairs.yes_or_no
    )
    return replace(row, change=change, adjusted_p=adjusted, needed=needed, why=why)


def _notes(before: Side, after: Side) -> tuple[str, ...]:
    """What else is not the same, so that a difference may come from there."""
    a, b = before.digests, after.digests
    notes = []
    if a.adapter and a.adapter == b.adapter:
        notes.append("both runs judged the same adapter")
    if a.base != b.base if a.base and b.base else before.base != after.base:
        notes.append(f"the base differs: {before.base} then, {after.base} now")
    if a.suite and b.suite and a.suite != b.suite:
        notes.append("the suite differs: only what both runs asked is compared")
    if before.sway_version != after.sway_version:
        notes.append(f"sway differs: {before.sway_version} then, {after.sway_version} now")
    if before.numerics and after.numerics and before.numerics != after.numerics:
        notes.append(f"the device or dtype differs: {before.numerics} then, {after.numerics} now")
    shared = before.nulls.keys() & after.nulls.keys()
    if any(before.nulls[name] != after.nulls[name] for name in shared):
        notes.append("the nulls differ; the comparison does not rest on them")
    if before.alpha != after.alpha:
        notes.append(f"alpha differs: {before.alpha:g} then, {after.alpha:g} now; {before.alpha:g} is used")
    return tuple(notes)
