"""Evidence that stays small: clipped text, short numbers, curves in a word, as many rows as fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

BUDGET = 8000
"""Characters of JSON that one list of rows may take."""


def clip(text: str, limit: int = 160) -> str:
    r"""The text on one line, cut to `limit` characters.

    >>> clip("one  two\nthree", 9)
    'one two …'
    """
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def brief(value: float) -> float:
    """The number to six significant digits.

    >>> brief(0.123456789)
    0.123457
    """
    return float(f"{value:.6g}")


def sparkline(values: Sequence[float]) -> str:
    """A character a value, its height in proportion to the largest.

    >>> sparkline([1.0, 0.5, 0.0])
    '▇▃▁'
    """
    bars = "▁▂▃▅▇"
    top = max(values, default=0.0)
    return "".join(bars[round(v / top * (len(bars) - 1))] if top > 0 else bars[0] for v in values)


def fit(rows: Sequence[dict[str, Any]], budget: int = BUDGET) -> list[dict[str, Any]]:
    """The first rows whose JSON takes at most `budget` characters together.

    >>> fit([{"a": 1}, {"a": 2}], budget=10)
    [{'a': 1}]
    """
    kept, used = [], 0
    for row in rows:
        used += len(json.dumps(row)) + 2
        if used > budget:
            break
        kept.append(row)
    return kept
