"""How often a comparison calls equal adapters different, and how small a regression it finds.

    python -m benchmarks.comparison [--seeds 200] [--trainings 8] [--folder DIR]

Prints the tables of docs/comparison.md. The base is the demonstration's and the adapters are trained here, on one
document with seeds of their own; --folder (or SWAY_TEST_CACHE) keeps them for the next time.

Exchanged answers: two runs differ at every prompt, and for every seed the two answers to each prompt change sides
at random. Neither side is then the better one, by construction, while the differences keep their real sizes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from scipy.special import betaincinv

from sway.backends import build
from sway.backends.shelf import Shelf
from sway.core.results import ProbeResult
from sway.demo.text import document, read_sections
from sway.demo.training import train_adapter
from sway.demo.variants import rewritten
from sway.engine.compare import SHARE, Change, Side, compare
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.suite.loader import spec_from_data
from tests.zoo.zoo import Zoo, suite

ANY = 1e-9
"""A floor so low that the sign-flip test alone decides."""
STRENGTHS = (0.97, 0.95, 0.9, 0.8, 0.7, 0.5)
Shelves = dict[str, Shelf[object]]


def measured(zoo: Zoo, adapter: Path, shelves: Shelves, dtype: str = "fp32") -> Side:
    """What the suite comes to for one adapter, without nulls."""
    model = {"base": str(zoo.base), "dtype": dtype}
    spec = {"version": 1, "models": {"base": model, "ft": {**model, "adapter": str(adapter)}}, "suite": suite()}
    loaded = spec_from_data({**spec, "sections": str(zoo.sections)}, path=zoo.root / "sway.yaml")
    models, shelf = loaded.spec.models, shelves.setdefault(dtype, Shelf())
    result = run_suite(
        loaded, Options(nulls=False), build=lambda *_: build(models.base, models.ft, threads=1, shelf=shelf)
    )
    return Side.of(result, adapter.name)


def exchanged(a: Side, b: Side, seed: int) -> tuple[Side, Side]:
    """Two sides whose answers to each prompt have changed places or not, at random."""
    rng = np.random.default_rng(seed)
    pairs = [_exchange(p, q, rng) for p, q in zip(a.probes, b.probes, strict=True)]
    return replace(a, probes=tuple(p for p, _ in pairs)), replace(b, probes=tuple(q for _, q in pairs))


def _exchange(p: ProbeResult, q: ProbeResult, rng: np.random.Generator) -> tuple[ProbeResult, ProbeResult]:
    swap = rng.random(len(p.samples)) < 0.5
    other = rng.random(len(p.asked.reference)) < 0.5
    samples = [np.where(s, y, x) for s, x, y in ((swap, p.samples, q.samples), (~swap, p.samples, q.samples))]
    reference = [np.where(s, y, x) for s, x, y in ((o, p.asked.reference, q.asked.reference) for o in (other, ~other))]
    return tuple(  # type: ignore[return-value]  # two of them
        replace(side, samples=tuple(x.tolist()), asked=replace(side.asked, reference=tuple(r.tolist())))
        for side, x, r in zip((p, q), samples, reference, strict=True)
    )


def share(count: int, n: int) -> str:
    """A count as a rate with its exact (Clopper-Pearson) 95% interval."""
    low = betaincinv(count, n - count + 1, 0.025) if count else 0.0
    high = betaincinv(count + 1, n - count, 0.975) if count < n else 1.0
    return f"{count} of {n} ({100 * count / n:.1f}%, {100 * low:.1f} to {100 * high:.1f})"


def calls(pairs: Sequence[tuple[Side, Side]], floor: float) -> dict[Change, int]:
    """In how many comparisons some probe is called so."""
    found = [{row.change for row in compare(a, b, share=floor).rows} for a, b in pairs]
    return {change: sum(change in rows for rows in found) for change in (Change.REGRESSED, Change.IMPROVED)}


def line(name: str, pairs: Sequence[tuple[Side, Side]]) -> str:
    """One row of the first table."""
    cells = []
    for floor in (ANY, SHARE):
        counts = calls(pairs, floor)
        cells += [share(counts[Change.REGRESSED], len(pairs)), str(counts[Change.IMPROVED])]
    return f"| {name} | {' | '.join(cells)} |"


def equal_trainings(zoo: Zoo, count: int, shelves: Shelves) -> Iterator[Side]:
    """Adapters that differ in the seed of their training alone."""
    for seed in range(count):
        folder = zoo.root / f"compared-{seed}"
        if not (folder / "adapter_model.safetensors").exists():
            train_adapter(zoo.base, read_sections(document()), folder, seed=100 + seed)
        yield measured(zoo, folder, shelves)


def weakened(zoo: Zoo, strength: float) -> Path:
    """The healthy adapter with every B multiplied."""
    factor = np.float32(strength)
    return rewritten(
        zoo.adapter("healthy"),
        zoo.root / f"times-{strength:g}",
        lambda weights: {name: w * factor if ".lora_B." in name else w for name, w in weights.items()},
    )


def print_planted(zoo: Zoo, healthy: Side, shelves: Shelves) -> None:
    """The second table: the healthy adapter against itself at less strength."""
    print("\n| B times | probe | then | now | difference [95% interval] | p (Holm) | called |")
    print("|---|---|---|---|---|---|---|")
    for strength in (1.0, *STRENGTHS):
        found = compare(healthy, measured(zoo, weakened(zoo, strength), shelves))
        for row in found.rows:
            if row.difference is None or row.interval is None or row.adjusted_p is None or row.unit == "rate":
                continue
            ends = f"[{row.interval.low:.3g}, {row.interval.high:.3g}]"
            numbers = f"{row.before:.3g} | {row.after:.3g} | {row.difference:+.3g} {ends} | {row.adjusted_p:.2g}"
            print(f"| {strength:g} | {row.name} | {numbers} | {row.change} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=os.environ.get("SWAY_TEST_CACHE"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        zoo, shelves = Zoo(Path(given.folder or fresh)), Shelves()
        healthy = measured(zoo, zoo.adapter("healthy"), shelves)
        half = measured(zoo, weakened(zoo, 0.5), shelves)
        rounded = measured(zoo, zoo.adapter("healthy"), shelves, "bf16")
        trained = list(equal_trainings(zoo, given.trainings, shelves))
        print("| two sides that are equal | regressed, no floor | improved | regressed | improved |")
        print("|---|---|---|---|---|")
        for name, a, b in (
            ("answers of two trainings, exchanged", trained[0], trained[1]),
            ("answers of one adapter in fp32 and bf16, exchanged", healthy, rounded),
            ("answers of an adapter and its half, exchanged", healthy, half),
        ):
            print(line(name, [exchanged(a, b, seed) for seed in range(given.seeds)]))
        print(line(f"{given.trainings} trainings, each against each", list(permutations(trained, 2))))
        print(line("one adapter, fp32 against bf16", [(healthy, rounded)]))
        print(line("one adapter against itself", [(healthy, healthy)]))
        print_planted(zoo, healthy, shelves)


if __name__ == "__main__":
    main()
