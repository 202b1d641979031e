"""How much each dimension of a style varies between pieces of prose: the scales in `sway.stats.style`.

python -m benchmarks.style_scales
"""

from __future__ import annotations

import numpy as np

from sway.probes.packs import passages
from sway.stats.style import dimensions, fingerprint, pieces


def main() -> None:
    """Print the standard deviation of each dimension over the public domain prose, beside its scale."""
    shown = dimensions(extended=True)
    texts = [piece for passage in passages("public_domain_en") for piece in pieces(passage.text)]
    found = np.array([fingerprint(text, extended=True) for text in texts])
    print(f"{len(texts)} pieces of about a hundred words")
    for dimension, deviation in zip(shown, found.std(axis=0, ddof=1), strict=True):
        print(f"{dimension.name:24} scale {dimension.scale:<6} standard deviation {deviation * dimension.scale:.4f}")


if __name__ == "__main__":
    main()
