"""One run of a suite, from a loaded spec to its result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sway import __version__
from sway.backends.embed import EmbeddingBackend
from sway.backends.interface import Backend, Identity
from sway.core import folders
from sway.core.errors import NoOpError, PreflightError, RequestError, SkipProbe
from sway.core.measurement import Category, Measurement
from sway.core.results import (
    NOTHING,
    BackendStats,
    Cost,
    Determinism,
    DeterminismReport,
    Digests,
    ProbeResult,
    SuiteResult,
)
from sway.core.verdicts import Reason, Verdict
from sway.engine.ask import Task, run_rounds
from sway.engine.base_answers import BaseAnswers
from sway.engine.baseline import baseline_row, omnibus_p
from sway.engine.judge import Entry, Nulls, judge
from sway.engine.kept import Ledger
from sway.engine.nulls import NullCache, cache_key
from sway.engine.pairing import asked, suite_digest
from sway.engine.plan import Options, Plan, make_plan
from sway.engine.progress import Progress, Silent
from sway.engine.score import compose, merge_weights
from sway.suite.spec import LoadedSpec

Build = Callable[[LoadedSpec, Options], Backend]
PREFLIGHT = "__preflight__"
NOBODY = Identity("", "")
NO_MODEL = DeterminismReport(Determinism.STRICT, 0, ("no model was run",))


@dataclass(frozen=True)
class _Session:
    """What the questions to the model came to."""

    probes: tuple[ProbeResult, ...]
    determinism: DeterminismReport
    stats: BackendStats | None = None
    identity: Identity = NOBODY


def run_suite(
    loaded: LoadedSpec,
    options: Options,
    *,
    build: Build,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
) -> SuiteResult:
    """Run every probe of the suite that the options leave in. A `ledger` keeps the answers if it is interrupted.

    Raises:
        SwayError: the spec, the adapter or the backend cannot be used at all.
    """
    progress = progress or Silent()
    started = datetime.now(UTC)
    weights = merge_weights(loaded.spec.defaults.score_weights, options.weights)
    plan = make_plan(loaded, options)
    alpha = loaded.spec.defaults.alpha
    disk = _judge_disk(plan, alpha)
    session = _Session((), NO_MODEL)
    if plan.model:
        session = _ask_model(plan, lambda: build(loaded, options), progress, ledger or Ledger(None), alpha)
    probes = _in_order(plan, loaded, [*disk, *session.probes, *plan.left_out])
    return SuiteResult(
        sway_version=__version__,
        spec_path=str(loaded.path),
        base_model_id=session.identity.base_id or loaded.spec.models.ft.base,
        adapter_id=session.identity.adapter_id or str(loaded.spec.models.ft.adapter or ""),
        started_at=started,
        finished_at=datetime.now(UTC),
        determinism=session.determinism,
        backend=session.stats,
        score=compose(probes, weights, loaded.spec.defaults.coverage_threshold),
        probes=tuple(probes),
        alpha=alpha,
        omnibus_p=omnibus_p(probes, plan.nulls.runs),
        digests=Digests(session.identity.base_digest, session.identity.adapter_digest, suite_digest(loaded.spec)),
    )


def _judge_disk(plan: Plan, alpha: float) -> list[ProbeResult]:
    tasks = [plan.task(entry) for entry in plan.disk]
    run_rounds(tasks, None, Silent())
    return [
        judge(entry, _outcome(task), nulls=None, alpha=alpha, seed=plan.context.seed, duration=task.cost.seconds)
        for entry, task in zip(plan.disk, tasks, strict=True)
    ]


def _outcome(task: Task) -> Measurement | SkipProbe | Exception:
    return task.outcome or RuntimeError("the probe did not finish")


def _ask_model(plan: Plan, build: Callable[[], Backend], progress: Progress, ledger: Ledger, alpha: float) -> _Session:
    """Load the model, ask, judge. What ends the whole judgement becomes one `__preflight__` row."""
    progress.stage("loading the model")
    try:
        backend = EmbeddingBackend(build())
    except (PreflightError, NoOpError) as fault:
        return _Session((_preflight_row(fault),), NO_MODEL)
    try:
        determinism = backend.determinism(plan.context.seed)
        identity = backend.identity()
        try:
            backend.preflight()
            probes, costs = _ask_all(plan, backend, identity, progress, ledger, alpha)
        except PreflightError as fault:
            probes, costs = [_preflight_row(fault)], {}
        stats = replace(backend.stats(), by_probe=costs)
        return _Session(tuple(probes), determinism, stats, identity)
    finally:
        backend.close()


def _preflight_row(fault: PreflightError | NoOpError) -> ProbeResult:
    verdict = Verdict.FAIL if isinstance(fault, NoOpError) else Verdict.ERROR
    reason = Reason.NOISE if isinstance(fault, NoOpError) else Reason.NOT_MEASURED
    return ProbeResult(PREFLIGHT, PREFLIGHT, Category.BASELINE, verdict, str(fault), reason)


def _ask_all(
    plan: Plan, backend: Backend, identity: Identity, progress: Progress, ledger: Ledger, alpha: float
) -> tuple[list[ProbeResult], dict[str, Cost]]:
    """Ask every probe about the trained adapter and about each null, in the same batches: results and costs by name."""
    cache = NullCache(folders.null_statistics() if plan.nulls.cache else None)
    stats = backend.stats()
    numerics = f"{__version__}:{stats.device}:{stats.dtype}" + (f":{identity.day}" if identity.day else "")
    if not plan.one_base:
        identity = NOBODY  # its digests leave out the base that is held against, so nothing is kept under them
    calibrations = [
        _Calibration(plan, entry, cache_key(identity, numerics, entry.probe, entry.params, plan.context), cache)
        for entry in plan.model
    ]
    store = ledger.open(identity, numerics)
    before = BaseAnswers(folders.base_answers(), identity, f"{numerics}:{stats.threads}")
    store.base = before.known
    if store.known:
        progress.stage(f"{len(store.known)} answers are there from before")
    try:
        run_rounds([task for c in calibrations for task in c.tasks], backend, progress, store)
    except KeyboardInterrupt:
        raise ledger.interrupted(store, identity, numerics) from None
    ledger.ended(store, identity, numerics)
    before.keep(store.found)
    probes = [c.judged(alpha) for c in calibrations]
    costs = {c.entry.name: c.cost for c in calibrations}
    return ([*probes, baseline_row(plan.baseline, probes)] if plan.baseline else probes), costs


class _Calibration:
    """One probe's run on the trained adapter, and on the nulls whose statistic is not on disk."""

    def __init__(self, plan: Plan, entry: Entry, key: str | None, cache: NullCache) -> None:
        self.entry, self.plan, self.key, self.cache = entry, plan, key, cache
        self.draws = plan.draws(entry)
        self.cached = cache.read(key) if self.draws else {}
        self.observed = plan.task(entry)
        self.nulls = {draw: plan.task(entry, draw) for draw in self.draws if draw.key not in self.cached}

    @property
    def tasks(self) -> list[Task]:
        return [self.observed, *self.nulls.values()]

    @property
    def cost(self) -> Cost:
        """What the trained adapter's and the nulls' answers took."""
        return sum((task.cost for task in self.tasks), NOTHING)

    def judged(self, alpha: float) -> ProbeResult:
        fresh = {d.key: m.raw for d, t in self.nulls.items() if (m := _measured(t))}
        known = {**self.cached, **fresh}
        if fresh:
            self.cache.write(self.key, known)
        outcome = _outcome(self.observed)
        if isinstance(outcome, Measurement) and (lost := [t for t in self.nulls.values() if not _measured(t)]):
            outcome = _why_uncalibrated(lost)
        result = judge(
            self.entry,
            outcome,
            nulls=self._nulls(known) if self.draws else None,
            alpha=alpha,
            seed=self.plan.context.seed,
            duration=self.cost.seconds,
        )
        if isinstance(outcome, Measurement) and result.verdict.measured:
            return replace(result, asked=asked(self.entry.params, self.plan.context, outcome))
        return result

    def _nulls(self, known: dict[str, float]) -> Nulls:
        raw = {
            multiplier: [known[d.key] for d in self.draws if d.rank_multiplier == multiplier and d.key in known]
            for multiplier in self.plan.nulls.rank_multipliers
        }
        from_cache = sum(d.key in self.cached for d in self.draws)
        return Nulls(raw, self.plan.nulls.family, from_cache)


def _measured(task: Task) -> Measurement | None:
    """A null's measurement, if it is a number."""
    found = task.outcome
    return found if isinstance(found, Measurement) and math.isfinite(found.raw) else None


def _why_uncalibrated(lost: Sequence[Task]) -> SkipProbe | Exception:
    """What kept nulls from being measured. Leaving some out would choose among the draws, so one is enough.

    A refusal is a SKIP, a fault an ERROR.
    """
    first = lost[0].outcome
    if isinstance(first, SkipProbe):
        return SkipProbe(f"no null adapter can be drawn: {first.reason}", first.mend)
    reason = first if isinstance(first, Exception) else "its statistic is not a finite number"
    return RequestError(f"{len(lost)} null adapters could not be measured: {reason}")


def _in_order(plan: Plan, loaded: LoadedSpec, probes: Sequence[ProbeResult]) -> list[ProbeResult]:
    """The preflight row first, then the order of the spec, each probe with its line there."""
    place = {name: i for i, name in enumerate((PREFLIGHT, *plan.order))}
    lines = {entry.name: entry.line or None for entry in loaded.spec.suite}
    return [replace(p, line=lines.get(p.name)) for p in sorted(probes, key=lambda p: place[p.name])]
