"""How often a random movement counts as a shift toward a document's style, by its size.

    python -m benchmarks.style_noise

The way to the document has length 1; movements have a random direction in six dimensions, or nine.
"""

from __future__ import annotations

import numpy as np

BAR = 0.25


def passing(size: float, dimensions: int, draws: int = 200_000) -> tuple[float, float]:
    """The shares of movements that pass by the projection alone, and with the check on the distance left."""
    moved = np.random.default_rng(0).standard_normal((draws, dimensions))
    moved *= size / np.linalg.norm(moved, axis=1, keepdims=True)
    far_enough = moved[:, 0] >= BAR
    left = np.linalg.norm(moved - np.eye(dimensions)[0], axis=1)
    return float(far_enough.mean()), float((far_enough & (left <= 1 - BAR)).mean())


def main() -> None:
    """Print a row a size."""
    print("| size of the movement | dimensions | projection alone | with the distance left |\n|---|---|---|---|")
    for dimensions in (6, 9):
        for size in (0.25, 0.5, 0.66, 1.0, 1.5, 2.0, 5.0, 50.0):
            alone, both = passing(size, dimensions)
            print(f"| {size:g} | {dimensions} | {alone:.1%} | {both:.1%} |")


if __name__ == "__main__":
    main()
