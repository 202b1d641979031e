"""From a loaded spec to what will be asked: probes with their settings, nulls, context, tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sway.core.errors import SwayError
from sway.core.probe import Context
from sway.core.requests import NextToken, Request
from sway.core.results import ProbeResult
from sway.core.trace import Tracer
from sway.core.verdicts import Verdict
from sway.core.views import NullDraw
from sway.engine.ask import Task
from sway.engine.judge import Entry
from sway.engine.nulls import DEFAULT_RUNS, THOROUGH_RUNS, NullSettings
from sway.probes.null_adapter import Params as NullParams
from sway.probes.registry import REGISTRY
from sway.suite.problems import nearest
from sway.suite.spec import LoadedSpec


@dataclass(frozen=True)
class Options:
    """What the command line adds to a spec. `only` and `skip` name probes; `nulls` False draws no null adapter.

    `tracer` is told of each batch; `memory` bytes are all that the model and its batches are to take.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    thorough: bool = False
    threads: int | None = None
    nulls: bool = True
    tracer: Tracer | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a run will do. `left_out` are the probes that it will not ask, as SKIP results in `order`.

    `one_base`: the adapter acts on the base that it is held against.
    """

    entries: tuple[Entry, ...]
    baseline: Entry | None
    left_out: tuple[ProbeResult, ...]
    order: tuple[str, ...]
    nulls: NullSettings
    context: Context
    one_base: bool = True

    @property
    def disk(self) -> tuple[Entry, ...]:
        """The probes that need no model."""
        return tuple(e for e in self.entries if not e.probe.needs_model)

    @property
    def model(self) -> tuple[Entry, ...]:
        """The probes that need a model."""
        return tuple(e for e in self.entries if e.probe.needs_model)

    def draws(self, entry: Entry) -> list[NullDraw]:
        """The nulls against which a probe is calibrated; none if it is not."""
        return self.nulls.draws() if self.nulls.applies_to(entry.probe) else []

    def task(self, entry: Entry, draw: NullDraw | None = None) -> Task:
        """One run of a probe, on the trained adapter or on a null."""
        context = replace(self.context, null=draw is not None)
        return Task(entry.name, entry.probe.run(entry.params, context), draw)


def make_plan(loaded: LoadedSpec, options: Options) -> Plan:
    """Resolve which probes run and with what.

    Raises:
        SwayError: `only` or `skip` names a probe that the suite does not have.
    """
    suite = loaded.spec.suite
    names = [item.name for item in suite]
    for name in (*options.only, *options.skip):
        _require(name, names)
    entries: list[Entry] = []
    left_out: list[ProbeResult] = []
    baseline, nulls = None, _null_settings(NullParams(), options)
    for item in suite:
        kind = REGISTRY[item.kind]
        required = kind.required if item.required is None else item.required
        entry = Entry(item.name, kind, item.params, item.weight, required)
        settings = item.params if isinstance(item.params, NullParams) else None
        why = _why_left_out(item.name, item.enabled, options, settings=settings is not None)
        if why:
            left_out.append(_skipped(entry, why))
        elif settings is None:
            entries.append(entry)
        if settings is not None:
            baseline = None if why else entry
            nulls = NullSettings(runs=0) if why else _null_settings(settings, options)
    defaults = loaded.spec.defaults
    context = Context(loaded.sections, loaded.controls, loaded.adapter, defaults.seed, defaults.top_k)
    return Plan(tuple(entries), baseline, tuple(left_out), tuple(names), nulls, context, defaults.differential)


def _require(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise SwayError(f"the suite has no probe named {name!r}", mend=nearest(name, names))


def _why_left_out(name: str, enabled: bool, options: Options, *, settings: bool) -> str:
    """Why an entry does not run. Settings are not a probe: `only` leaves them in force."""
    if not enabled:
        return "disabled in the spec"
    if (options.only and name not in options.only and not settings) or name in options.skip:
        return "left out on the command line"
    return ""


def _skipped(entry: Entry, why: str) -> ProbeResult:
    probe = entry.probe
    return ProbeResult(entry.name, probe.kind, probe.category, Verdict.SKIP, why, required=False, weight=entry.weight)


def _null_settings(params: NullParams, options: Options) -> NullSettings:
    runs = params.runs or (THOROUGH_RUNS if options.thorough else DEFAULT_RUNS)
    return NullSettings(
        runs=runs if options.nulls else 0,
        seed=params.seed_base,
        family=params.family,
        init_scale=params.init_scale,
        rank_multipliers=tuple(dict.fromkeys((1.0, *params.rank_multipliers))),
        kinds=frozenset(params.calibrate_kinds),
        cache=params.cache,
    )


ROWS_A_BATCH = 64


@dataclass(frozen=True)
class Forecast:
    """What one probe asks in its first round: questions by type, over all views, and how many nulls."""

    name: str
    kind: str
    questions: Mapping[str, int]
    nulls: int
    note: str = ""


def forecast(plan: Plan) -> tuple[list[Forecast], int, int]:
    """Each probe's first round; then the distinct rows of all of them, and about how many forward passes."""
    shown, rows = [], set[Request[object]]()
    for entry in (*plan.disk, *plan.model):
        draws = plan.draws(entry)
        tasks = [plan.task(entry, draw) for draw in (None, *draws)]
        for task in tasks:
            task.advance(None)
        asked = {q for task in tasks for q in task.asked}
        rows |= asked
        note = str(tasks[0].outcome) if isinstance(tasks[0].outcome, Exception) else ""
        shown.append(Forecast(entry.name, entry.probe.kind, _by_type(asked), len(draws), note))
        for task in tasks:
            task.asking.close()
    return shown, len(rows), _passes(rows)


def _by_type(asked: Iterable[Request[object]]) -> dict[str, int]:
    return dict(sorted(Counter(type(q).__name__ for q in asked).items()))


def _passes(rows: Iterable[Request[object]]) -> int:
    kinds = Counter(isinstance(q, NextToken) for q in rows)
    return sum(-(-n // ROWS_A_BATCH) for n in kinds.values())
