"""Reads the `suite:` list: each entry's common keys, and its probe's own parameters beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sway.core.measurement import Category
from sway.core.probe import Params
from sway.suite.problems import Problems, nearest
from sway.suite.registry import Registry
from sway.suite.resolve import resolve_params
from sway.suite.spec import Entry, Head
from sway.suite.wording import validate

RESERVED = ("__preflight__", "__gate__")
LEAST_Z = "assert_z_gte"


def read_entries(value: Any, folder: Path, problems: Problems, registry: Registry) -> tuple[Entry, ...]:
    """The entries without fault; the faults of the others go to `problems`."""
    if not isinstance(value, list):
        problems.add("must be a list of probes", ("suite",))
        return ()
    if not value:
        problems.add("holds no probe", ("suite",), mend="see: sway list-probes")
    entries = [entry for i, item in enumerate(value) if (entry := _read(item, i, folder, problems, registry))]
    _check_names(value, problems)
    _check_baseline(value, problems, registry)
    return tuple(entries)


def _read(item: Any, index: int, folder: Path, problems: Problems, registry: Registry) -> Entry | None:
    at = ("suite", index)
    if not isinstance(item, dict):
        problems.add("must be a mapping with the keys name and kind", at)
        return None
    head = validate(Head, {k: v for k, v in item.items() if k in Head.model_fields}, at, problems)
    kind = item.get("kind")
    probe = registry.get(kind) if isinstance(kind, str) else None
    if probe is None:
        if isinstance(kind, str) and kind:
            problems.add(f"there is no probe of kind {kind!r}", (*at, "kind"), mend=nearest(kind, registry))
        return None
    own = {k: v for k, v in item.items() if k not in Head.model_fields}
    if LEAST_Z in own and LEAST_Z not in probe.params.model_fields:
        mend = "leave it out; its other bounds decide"
        problems.add(f"{kind} is not held against null adapters, and so has no z", (*at, LEAST_Z), mend=mend)
    params = validate(probe.params, own, at, problems, also=Head.model_fields)
    if head is None or params is None:
        return None
    _check_kinds(params, index, problems, registry)
    line = problems.line(at) or 0
    return Entry(**head.model_dump(), params=resolve_params(params, folder), line=line)


def _check_kinds(params: Params, index: int, problems: Problems, registry: Registry) -> None:
    """Kinds named in a null adapter's `calibrate_kinds` must exist."""
    for i, kind in enumerate(getattr(params, "calibrate_kinds", ())):
        if kind not in registry:
            at = ("suite", index, "calibrate_kinds", i)
            problems.add(f"there is no probe of kind {kind!r}", at, mend=nearest(kind, registry))


def _check_names(items: list[Any], problems: Problems) -> None:
    seen: dict[str, int] = {}
    for i, item in enumerate(items):
        name = item.get("name") if isinstance(item, dict) else None
        at = ("suite", i, "name")
        if not isinstance(name, str):
            continue
        if name in RESERVED or not name.isprintable():
            problems.add(f"{name!r} cannot name a probe", at, mend="choose another name")
        if name in seen:
            first = problems.line(("suite", seen[name], "name"))
            place = f"on line {first}" if first else f"by suite[{seen[name]}]"
            problems.add(f"the name {name!r} is used {place} too", at, mend="give each probe a name of its own")
        seen.setdefault(name, i)


def _check_baseline(items: list[Any], problems: Problems, registry: Registry) -> None:
    """The baseline entry holds settings of the whole run, so that there can be only one."""
    baselines = {kind for kind, probe in registry.items() if probe.category is Category.BASELINE}
    kinds = [item.get("kind") if isinstance(item, dict) else None for item in items]
    places = [i for i, kind in enumerate(kinds) if isinstance(kind, str) and kind in baselines]
    for i in places[1:]:
        first = problems.where(("suite", places[0]))
        problems.add(f"a second {kinds[i]}; the first is at {first}", ("suite", i), mend="keep one")
