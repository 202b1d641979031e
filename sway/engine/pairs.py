"""The samples of one probe in two runs, matched by what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sway.core.measurement import Category
from sway.core.results import Asked, Interval, ProbeResult
from sway.stats.paired import SignFlip, difference_interval, sign_flip


class NotPaired(Exception):
    """Why two results cannot be held against each other."""


@dataclass(frozen=True)
class Pairs:
    """Samples of the questions that both runs asked. `differences` (n,) and `reference` (m,) are now less then."""

    before: float
    after: float
    differences: tuple[float, ...]
    reference: tuple[float, ...]
    only_before: int
    only_after: int
    yes_or_no: bool

    @property
    def difference(self) -> float:
        """The mean difference."""
        return fmean(self.differences)

    @property
    def unequal(self) -> int:
        """How many pairs differ."""
        return sum(d != 0 for d in self.differences)


@dataclass(frozen=True)
class Tested:
    """How sure a mean difference is."""

    interval: Interval | None
    flip: SignFlip


Match = tuple[ProbeResult | None, ProbeResult | None]


def matched(before: Sequence[ProbeResult], after: Sequence[ProbeResult]) -> list[Match]:
    """Probes of one name and kind; then, of what is left, those of one kind that were asked the most in common."""
    old, new = ([p for p in probes if p.category is not Category.BASELINE] for probes in (before, after))
    by_name = {(p.name, p.kind): p for p in new}
    pairs: dict[str, ProbeResult] = {p.name: by_name[p.name, p.kind] for p in old if (p.name, p.kind) in by_name}
    taken = {p.name for p in pairs.values()}
    for p in (p for p in old if p.name not in pairs):
        common = {q.name: _common(p, q) for q in new if q.name not in taken and q.kind == p.kind}
        best = max(common, key=lambda name: common[name], default="")
        if common.get(best):
            pairs[p.name] = next(q for q in new if q.name == best)
            taken.add(best)
    matches: list[Match] = [(p, pairs.get(p.name)) for p in old]
    return matches + [(None, q) for q in new if q.name not in taken]


def _common(old: ProbeResult, new: ProbeResult) -> int:
    return len(set(old.asked.keys) & set(new.asked.keys))


def pair_up(old: ProbeResult, new: ProbeResult) -> Pairs:
    """Match samples by key.

    Raises:
        NotPaired: the two are numbers of different things, or nothing was asked both times.
    """
    _same_statistic(old, new)
    a, b = _by_key(old.asked.keys, old.samples), _by_key(new.asked.keys, new.samples)
    common = [key for key in a if key in b]
    if not common:
        if not a or not b:
            raise NotPaired("a report that does not say what each sample was asked about")
        raise NotPaired(f"no question in common: {len(a)} before, {len(b)} now")
    r, s = (_by_key(side.reference_keys, side.reference) for side in (old.asked, new.asked))
    if r.keys() != s.keys():
        raise NotPaired("contrasted with other control text")
    return Pairs(
        before=fmean(a[key] for key in common),
        after=fmean(b[key] for key in common),
        differences=tuple(b[key] - a[key] for key in common),
        reference=tuple(s[key] - r[key] for key in r),
        only_before=len(a) - len(common),
        only_after=len(b) - len(common),
        yes_or_no=all(side[key] in (0.0, 1.0) for key in common for side in (a, b)),
    )


def _same_statistic(old: ProbeResult, new: ProbeResult) -> None:
    if (old.measures, old.unit) != (new.measures, new.unit):
        raise NotPaired(f"another statistic: {old.measures or 'unnamed'} before, {new.measures or 'unnamed'} now")
    if old.better != new.better:
        raise NotPaired("the two disagree on what is better")
    if changed := _changed(old.asked, new.asked):
        raise NotPaired(f"its settings differ: {changed}")


def _changed(old: Asked, new: Asked) -> str:
    a: Mapping[str, Any] = old.settings
    b: Mapping[str, Any] = new.settings
    # A parameter that only one of them knows came with another version of sway.
    names = [name for name in sorted(a.keys() & b.keys()) if a[name] != b[name]]
    return ", ".join(f"{name} {a[name]} before, {b[name]} now" for name in names)


def _by_key(keys: tuple[str, ...], samples: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(keys, samples, strict=True)) if len(keys) == len(samples) else {}


def tested(pairs: Pairs, name: str) -> Tested:
    """The interval and the sign-flip test of a probe's pairs, on a random stream of its own."""
    seed = int.from_bytes(hashlib.sha256(f"compare:{name}".encode()).digest()[:8], "big")
    d, r = pairs.differences, pairs.reference
    return Tested(difference_interval(d, r, seed=seed, yes_or_no=pairs.yes_or_no), sign_flip(d, r, seed=seed))
