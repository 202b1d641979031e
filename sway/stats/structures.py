"""How far two JSON values differ, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def leaf_disagreement(one: Any, other: Any) -> float:
    """The share of leaves, of those in either value, that are missing from or differ in the other: 0 to 1.

    A leaf is a string, number, boolean, null, or an empty object or list, and has its place by keys and
    indices; this is the Jaccard distance of the two sets of leaves, except that a place with two different
    leaves counts once. Numbers are equal by value, and a boolean is no number. Symmetric; 0 only where the
    values are equal as JSON.

    References:
        Jaccard, P. (1912). The distribution of the flora in the alpine zone. New Phytologist 11(2).

    >>> leaf_disagreement({"city": "Oslo", "days": 3}, {"days": 3.0, "city": "Rome"})
    0.5
    >>> leaf_disagreement({"a": {"b": [1, 2]}}, {"a": {"b": [1]}})
    0.5
    """
    mine, theirs = dict(_leaves(one)), dict(_leaves(other))
    places = mine.keys() | theirs.keys()
    return sum(mine.get(p) != theirs.get(p) for p in places) / len(places)


def _leaves(value: Any) -> Iterator[tuple[Path, tuple[str, Any]]]:
    """Each leaf's place, and its kind and value."""
    stack: list[tuple[Path, Any]] = [((), value)]
    while stack:
        place, inner = stack.pop()
        if isinstance(inner, dict) and inner:
            stack += [((*place, key), v) for key, v in inner.items()]
        elif isinstance(inner, list) and inner:
            stack += [((*place, i), v) for i, v in enumerate(inner)]
        else:
            yield place, _leaf(inner)


def _leaf(value: Any) -> tuple[str, Any]:
    if isinstance(value, (dict, list)):
        return type(value).__name__, None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return type(value).__name__, value
    return "number", value
