"""How a training loss ran: smoothly or not, downward or not, with spikes or without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def smoothness(losses: Sequence[float]) -> float:
    """1 - var(step-to-step change) / var(loss), at most 1; noise without a trend comes to about -1.

    A constant series is perfectly smooth. Raises ValueError on fewer than three or non-finite losses.

    >>> round(smoothness([4.0, 3.0, 2.0, 1.0]), 3)
    1.0
    >>> smoothness([1.0, 2.0, 1.0, 2.0]) < 0
    True
    """
    series = _series(losses)
    spread = float(series.var())
    return 1.0 - float(np.diff(series).var()) / spread if spread > 0 else 1.0


def convergence_ratio(losses: Sequence[float], window: int) -> float:
    """Mean loss at the end over mean loss at the start, each over `window` steps or a third of the run if that is less.

    Infinite where the first mean is not positive. Raises ValueError as `smoothness` does.

    >>> convergence_ratio([4.0, 4.0, 2.0, 1.0, 1.0], window=1)
    0.25
    """
    series = _series(losses)
    width = max(1, min(window, len(series) // 3))
    start = float(series[:width].mean())
    return float(series[-width:].mean()) / start if start > 0 else float("inf")


def instability_events(losses: Sequence[float], window: int, factor: float) -> list[int]:
    """Indices (into `losses`) of rises greater than `factor` times the median step-to-step change around them.

    The median is over the absolute changes of `window` steps centred on the rise. The loss must also
    stand that far above the median of the `window` losses before it: the way back from a dip is no
    event. Raises ValueError as `smoothness` does.

    >>> instability_events([5, 4.9, 4.8, 4.7, 9.0, 4.6, 4.5, 4.4], window=6, factor=3)
    [4]
    >>> instability_events([5, 4.9, 4.8, 1.0, 4.7, 4.6, 4.5, 4.4], window=6, factor=3)
    []
    """
    series = _series(losses)
    change = np.diff(series)
    width = max(3, min(window, len(change))) | 1
    padded = np.pad(np.abs(change), width // 2, mode="reflect" if len(change) > width // 2 else "edge")
    before = np.median(sliding_window_view(np.pad(series[:-1], (width - 1, 0), mode="edge"), width), axis=-1)
    # Below this a change is rounding: a series that stands still has no spikes.
    rounding = 1e-9 * max(float(np.abs(change).max()), 1e-300)
    limit = np.maximum(factor * np.median(sliding_window_view(padded, width), axis=-1), rounding)
    return [int(i) + 1 for i in np.flatnonzero((change > limit) & (series[1:] - before > limit))]


def _series(losses: Sequence[float]) -> NDArray[np.float64]:
    series = np.asarray(losses, dtype=np.float64)
    if series.ndim != 1 or len(series) < 3 or not np.isfinite(series).all():
        raise ValueError("three or more finite losses are needed")
    return series
