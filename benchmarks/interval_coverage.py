"""How often the 95% interval covers the true mean, beside a plain percentile bootstrap.

    python benchmarks/interval_coverage.py [RUNS]

Prints the table of docs/design/intervals.md: coverage in percent, and how often each end misses.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np

from sway.stats.resampling import mean_interval
from sway.stats.shares import share_interval

Draw = Callable[[np.random.Generator, int], np.ndarray]
SHAPES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda g, n: g.normal(1, 1, n), 1.0),
    "log-normal, sigma 0.6": (lambda g, n: g.lognormal(0, 0.6, n), math.exp(0.18)),
    "log-normal, sigma 1": (lambda g, n: g.lognormal(0, 1, n), math.exp(0.5)),
    "yes or no, 5%": (lambda g, n: (g.random(n) < 0.05).astype(float), 0.05),
    "yes or no, 20%": (lambda g, n: (g.random(n) < 0.2).astype(float), 0.2),
    "yes or no, 70%": (lambda g, n: (g.random(n) < 0.7).astype(float), 0.7),
}


def misses(ends: np.ndarray, truth: float) -> str:
    """Coverage, then the share of runs in which the truth lies below and above, in percent."""
    below, above = 100 * np.mean(truth < ends[:, 0]), 100 * np.mean(truth > ends[:, 1])
    return f"{100 - below - above:.1f} ({below:.1f}, {above:.1f})"


def row(name: str, n: int, runs: int) -> str:
    """One line of the table."""
    draw, truth = SHAPES[name]
    rng = np.random.default_rng(n)
    ours, plain = np.empty((runs, 2)), np.empty((runs, 2))
    for i in range(runs):
        values = draw(rng, n)
        found = share_interval(values.tolist()) if name.startswith("yes") else mean_interval(values, seed=i)
        ours[i] = found.low, found.high
        plain[i] = np.quantile(rng.choice(values, (1000, n)).mean(axis=1), [0.025, 0.975])
    return f"| {name} | {n} | {misses(ours, truth)} | {misses(plain, truth)} |"


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print("| distribution | samples | sway | percentile bootstrap |\n|---|---|---|---|")
    for name in SHAPES:
        for n in (5, 8, 16, 32):
            print(row(name, n, runs))


if __name__ == "__main__":
    main()
