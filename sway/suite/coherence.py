"""What must hold between the parts of a spec."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sway.core.measurement import Category
from sway.core.model import ModelSpec
from sway.suite.problems import Problems
from sway.suite.registry import Registry
from sway.suite.spec import Defaults, Entry, Models

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_ENTRY_POINT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_SHARED = ("base", "revision")
"""What base and tuned model must have in common when one loaded model serves as both."""


def check_coherence(
    models: Models | None,
    defaults: Defaults | None,
    suite: Iterable[Entry],
    problems: Problems,
    registry: Registry,
) -> None:
    """Note what no single part of the spec can be blamed for. A part with faults of its own is None."""
    if models is None:
        return
    _check_model(models.base, "base", problems)
    _check_model(models.ft, "ft", problems)
    alike = _check_kinds(models, problems)
    if defaults is None or models.ft.kind == "api":
        return
    if defaults.differential:
        _check_one_load(models, problems)
        _check_adapter(models, suite, problems, registry)
    elif alike and _same(models) and not problems.covers(("models", "ft", "adapter")):
        problems.add("is the base model itself", ("models", "ft"), mend="name an adapter or another base")


def _check_model(model: ModelSpec, side: str, problems: Problems) -> None:
    at = ("models", side)
    if not _DEVICE.fullmatch(model.device):
        problems.add(f"no device is called {model.device!r}", (*at, "device"), mend="auto, cpu, cuda, cuda:N or mps")
    if model.entry_point is not None and not _ENTRY_POINT.fullmatch(model.entry_point):
        problems.add(f"{model.entry_point!r} names no class", (*at, "entry_point"), mend="write package.module:Class")
    if model.kind == "custom" and model.entry_point is None:
        problems.add("a model of kind custom needs entry_point", at, mend="write entry_point: package.module:Class")
    if model.endpoint is not None and not model.endpoint.startswith(("http://", "https://")):
        problems.add(f"{model.endpoint!r} is no http address", (*at, "endpoint"))
    if model.kind == "api" and model.endpoint is None:
        problems.add("a model of kind api needs endpoint", at, mend="write endpoint: http://host:port")


def _check_kinds(models: Models, problems: Problems) -> bool:
    """One backend loads both models, whatever the base's own entry asks for."""
    base, tuned = models.base.kind, models.ft.kind
    if base != tuned:
        problems.add(f"is {tuned!r} but models.base.kind is {base!r}", ("models", "ft", "kind"), mend="make them equal")
    return base == tuned


def _same(models: Models) -> bool:
    return models.ft.adapter is None and all(getattr(models.base, k) == getattr(models.ft, k) for k in _SHARED)


def _check_one_load(models: Models, problems: Problems) -> None:
    for key in _SHARED:
        base, tuned = getattr(models.base, key), getattr(models.ft, key)
        if base != tuned:
            mend = "make them equal, or set defaults.differential: false to load two models"
            problems.add(f"is {tuned!r} but models.base.{key} is {base!r}", ("models", "ft", key), mend=mend)


def _check_adapter(models: Models, suite: Iterable[Entry], problems: Problems, registry: Registry) -> None:
    """A model that is its own base shows nothing."""
    if models.ft.kind != "hf" or models.ft.adapter is not None or problems.covers(("models", "ft", "adapter")):
        return
    probes = [registry[entry.kind] for entry in suite if entry.enabled]
    if any(p.needs_model and p.category is not Category.BASELINE for p in probes):
        problems.add("adapter is required", ("models", "ft"), mend="write adapter: path/to/adapter/folder")
