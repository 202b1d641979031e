"""Plain data as specs are made of, with bounds: what YAML, JSON and callers in memory have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sway.suite.problems import NodePath, Problems

MAX_NODES = 200_000
MAX_DEPTH = 100


@dataclass
class Tree:
    """Plain data (`dict`, `list`, `str`, `int`, `float`, `bool`, None) and the lines of paths in it."""

    data: Any = None
    lines: dict[NodePath, int] = field(default_factory=dict)


def clean(value: Any, at: NodePath, problems: Problems) -> Any:
    """The scalar itself, or None and a problem where no field of a spec could take it."""
    if isinstance(value, str):
        return value if value.isprintable() else _whole_text(value, at, problems)
    if fault := _fault(value):
        problems.add(fault, at)
        return None
    return value


def _fault(value: Any) -> str:
    """Why no field of a spec could take a scalar that is not text."""
    if not (value is None or isinstance(value, (bool, int, float))):
        return f"a {type(value).__name__} has no place in a spec"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "the number is too large"
    return ""


def _whole_text(value: str, at: NodePath, problems: Problems) -> str | None:
    """Joins surrogate pairs, which escapes can spell; a lone surrogate is no character."""
    if "\0" in value:
        problems.add("holds a NUL character", at)
        return None
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        problems.add("holds half of a surrogate pair, which is no character", at)
        return None


def plain(value: Any, at: NodePath, problems: Problems) -> Any:
    """A copy of data made in memory or by a JSON parser, of plain types and within the bounds."""
    if len(at) > MAX_DEPTH:
        problems.stop(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {key: plain(item, (*at, key), problems) for key, item in value.items() if _is_key(key, at, problems)}
    if isinstance(value, (list, tuple)):
        return [plain(item, (*at, i), problems) for i, item in enumerate(value)]
    return clean(value, at, problems)


def _is_key(key: Any, at: NodePath, problems: Problems) -> bool:
    if isinstance(key, str) and clean(key, at, problems) == key:
        return True
    problems.add("a key must be text", at)
    return False
