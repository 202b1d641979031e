"""Evidence of any shape as facts, tables, and texts before and after: whatever a probe left, something is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sway.engine.words import number
from sway.report.changes import PROMPTS, Change, change_in

MOST_ROWS, MOST_COLUMNS, MOST_FACTS, MOST_TABLES = 40, 8, 24, 8
CELL, LISTED = 240, 12
ELSEWHERE = frozenset({"z_by_rank", "null_stats", "null_stats_by_rank", "per_kind_raw_samples"})
"""What the report shows in a place of its own."""


@dataclass(frozen=True)
class Table:
    """Rows of evidence. `left_out` counts those beyond what is shown; `numeric` tells which columns are numbers."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Evidence:
    """Named values, tables, and texts before and after training."""

    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    changes: tuple[Change, ...] = ()


def read_evidence(evidence: Mapping[str, Any]) -> Evidence:
    """Sort evidence by its shape: scalars and short lists are facts, lists and mappings of mappings are tables.

    Whatever holds a text of the base beside one of the tuned model is a change.
    """
    facts: list[tuple[str, str]] = []
    tables: list[Table] = []
    changes: list[Change] = []
    asked = shown(evidence.get("prompt"))
    for key, value in evidence.items():
        if key in ELSEWHERE:
            continue
        rows = _rows(value)
        if rows:
            found = [change_in(row) for row in rows[:MOST_ROWS]]
            changes += sorted(filter(None, found), key=lambda c: -abs(c.shift) if c.tokens else 0)
            if not all(c and c.taken >= row.keys() for c, row in zip(found, rows, strict=False)):
                tables += _table(words(key), rows)
        elif isinstance(value, Mapping):
            within = [c for part in (value, *value.values()) if isinstance(part, Mapping) and (c := change_in(part))]
            changes += [replace(c, prompt=c.prompt or asked) for c in within]
            taken = {name for c in within for name in c.taken}
            rest = {k: v for k, v in value.items() if k not in taken and not (within and isinstance(v, Mapping))}
            facts += [(f"{words(key)}: {words(k)}", shown(v)) for k, v in rest.items()]
        else:
            facts.append((words(key), shown(value)))
    return Evidence(tuple(facts[:MOST_FACTS]), tuple(tables[:MOST_TABLES]), tuple(changes))


def _rows(value: Any) -> list[dict[str, Any]]:
    """The value as rows of a table, where it is a list or a mapping of mappings."""
    if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        return [dict(v) for v in value]
    if isinstance(value, Mapping) and value and all(isinstance(v, Mapping) for v in value.values()):
        return [{"name": k, **v} for k, v in value.items()]
    return []


def _table(caption: str, rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    kept = rows[:MOST_ROWS]
    used = dict.fromkeys(k for row in kept for k, v in row.items() if v not in (None, "", []))
    header = sorted(used, key=lambda k: (k not in PROMPTS, k == "id"))[:MOST_COLUMNS]
    if not header:
        return []
    cells = tuple(tuple(shown(row.get(name)) for name in header) for row in kept)
    numeric = tuple(_is_numeric([row.get(name) for row in kept]) for name in header)
    return [Table(caption, tuple(words(name) for name in header), cells, numeric, len(rows) - len(kept))]


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values)


def words(key: str) -> str:
    """A key as people read it."""
    return str(key).replace("_", " ")[:80]


def shown(value: Any) -> str:
    """Any JSON value in a few words."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value) if abs(value) < 10**12 else f"{value:.3g}" if abs(value) < 10**300 else "huge"
        case float():
            return number(value)
        case str():
            return value if len(value) <= CELL else value[: CELL - 1] + "\u2026"
        case list() if not any(isinstance(v, list | Mapping) for v in value):
            more = f", and {len(value) - LISTED} more" if len(value) > LISTED else ""
            return shown(", ".join(shown(v) for v in value[:LISTED]) + more)
        case _:
            return shown(json.dumps(value, ensure_ascii=False))
