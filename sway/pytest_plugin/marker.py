"""What `@pytest.mark.sway(...)` says, checked."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class MarkerFault(Exception):
    """The marker cannot mean anything; the text is one line for the person who wrote it."""


@dataclass(frozen=True)
class Settings:
    """Where the spec is, relative to pytest's root folder; the least composite score; category weights."""

    spec: str
    threshold: float = 0.0
    weights: tuple[tuple[str, float], ...] = ()


def _signature(spec: object, threshold: object = 0.0, weights: object = None) -> None:
    """The marker's arguments."""


def read_marker(marks: list[pytest.Mark], function: Callable[..., object], fixtures: Sequence[str]) -> Settings:
    """The settings of a marked function; `fixtures` are those that `usefixtures` names for it.

    Raises:
        MarkerFault: the arguments are not the marker's, there are two markers, or the function takes arguments or
            uses fixtures, which nothing would supply, since the suite runs in place of its body.
    """
    if len(marks) > 1:
        raise MarkerFault("two sway markers on one test; keep one")
    taken = [name for name in inspect.signature(function).parameters if name != "self"]
    if taken:
        raise MarkerFault(f"a test marked sway takes no arguments, and this one takes {', '.join(taken)}")
    if fixtures:
        raise MarkerFault(f"a test marked sway sets up no fixtures, and this one uses {', '.join(fixtures)}")
    try:
        given = inspect.signature(_signature).bind(*marks[0].args, **marks[0].kwargs)
    except TypeError as fault:
        raise MarkerFault(f"{fault}; write sway(spec='sway.yaml', threshold=0.0, weights=None)") from None
    given.apply_defaults()
    spec, threshold, weights = given.args
    return Settings(_spec(spec), _threshold(threshold), _weights(weights))


def _spec(value: object) -> str:
    text = str(value) if hasattr(value, "__fspath__") else value
    if not isinstance(text, str) or not text:
        raise MarkerFault(f"spec is {value!r}, which is no path; write spec='sway.yaml'")
    return text


def _threshold(value: object) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise MarkerFault(f"threshold is {value!r}, which is no number from 0 to 1")
    return float(value)


def _weights(value: object) -> tuple[tuple[str, float], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and _is_number(v) for k, v in value.items()):
        raise MarkerFault(f"weights is {value!r}; write weights={{'adherence': 0.3}}")
    return tuple(sorted((name, float(weight)) for name, weight in value.items()))


def _is_number(value: object) -> TypeIs[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
