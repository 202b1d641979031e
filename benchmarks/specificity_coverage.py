"""How often the interval of `cluster_kl`'s specificity misses the truth.

    python -m benchmarks.specificity_coverage [RUNS]

One subject of k stands `size` standard deviations above the others; prompts scatter normally or exponentially.
"""

from __future__ import annotations

import sys

import numpy as np

from sway.stats.clusters import specificity
from sway.stats.resampling import jackknifed, mean_interval

SHAPES = {"normal": np.random.Generator.standard_normal, "exponential": np.random.Generator.standard_exponential}


def misses(n: int, k: int, size: float, shape: str, runs: int) -> tuple[float, float, float]:
    """The true specificity; the share of runs whose interval lies above it, and the share that lies below."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % k
    means = np.where(labels == 0, size, 0.0)
    truth = float(means.var() / (means.var() + 1))
    above = below = 0
    for run in range(runs):
        values = means + SHAPES[shape](rng, n)
        samples = jackknifed(lambda kept, values=values: specificity(values[kept], labels[kept]), n)
        interval = mean_interval(samples, seed=run)
        above += truth < interval.low
        below += truth > interval.high
    return truth, above / runs, below / runs


def main(runs: int = 300) -> None:
    """Print a row for each number of prompts, scatter and effect."""
    print(
        "| prompts | subjects | scatter | specificity | low end misses | high end misses |\n|---|---|---|---|---|---|"
    )
    for n, k in ((20, 5), (40, 5), (60, 3)):
        for shape in SHAPES:
            for size in (0.0, 1.0, 2.0, 4.0):
                truth, above, below = misses(n, k, size, shape, runs)
                print(f"| {n} | {k} | {shape} | {truth:.2f} | {above:.1%} | {below:.1%} |")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
