"""What a probe was asked, in a form that two reports can be matched by: never by position in a suite."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sway.core.measurement import Measurement
from sway.core.probe import Context, Params
from sway.core.results import Asked
from sway.suite.spec import Spec

CHOICE = frozenset({"prompts", "cases", "triples", "items", "items_limit", "max_chunks", "include_kinds"})
"""Parameters that choose what is asked. They leave the answer to any one question as it is."""
BOUNDS = frozenset({"per_section_threshold"})
"""Bounds, beside those whose names start with `assert_`: they judge a statistic and do not change it."""


def settings(params: Params, context: Context) -> dict[str, Any]:
    """The parameters that a statistic depends on, whatever was asked; `top_k` as it came to be."""
    given = params.model_dump(mode="json")
    if given.get("top_k", 0) is None:
        given["top_k"] = context.top_k
    return {k: v for k, v in given.items() if not (_is_bound(k) or k in CHOICE or k.endswith("_path"))}


def _is_bound(name: str) -> bool:
    return name.startswith("assert_") or name in BOUNDS


def suite_digest(spec: Spec) -> str:
    """SHA-256 of what a spec asks and how it judges, whoever is asked: the models are left out."""
    return digest({k: v for k, v in spec.document().items() if k != "models"})


def asked(params: Params, context: Context, found: Measurement) -> Asked:
    """The key of each sample: a digest of what it was asked about.

    Samples of a probe that does not name its items, because each of them rests on all, are keyed by place, by
    how many they are and by all that decides what is asked: they match where both runs asked all the same.
    """
    whole = questions(params, context)
    items, others = (
        list(given) if len(given) == n else [f"{whole} {what} {i} of {n}" for i in range(n)]
        for what, given, n in (
            ("sample", found.items, len(found.samples)),
            ("reference", found.reference_items, len(found.reference)),
        )
    )
    reference = tuple(float(x) for x in found.reference)
    chosen = settings(params, context) if found.samples else {}
    return Asked(_keys(items), reference, _keys(others), chosen)


def questions(params: Params, context: Context) -> str:
    """A digest of all that decides what a probe asks."""
    given = {k: v for k, v in params.model_dump(mode="json").items() if not _is_bound(k)}
    texts = [s.model_dump(mode="json", exclude={"id", "tag"}) for s in (*context.sections, *context.controls)]
    return digest({"params": given, "texts": texts, "seed": context.seed, "top_k": context.top_k})


def digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _keys(items: Iterable[str]) -> tuple[str, ...]:
    """A digest an item; the second of two equal items is another key than the first."""
    seen = Counter[str]()
    keys = []
    for item in items:
        key = hashlib.sha256(item.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}.{seen[key]}")
    return tuple(keys)
