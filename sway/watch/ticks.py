"""When to look: at once where the system tells of a change, and every so often where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path


def ticks(places: Callable[[], list[Path]], every: float) -> Iterator[float]:
    """The time, in seconds, at each change in one of the places, and at least every `every` seconds.

    Network folders tell of no change, and a folder may be replaced by another of its name: neither is missed.
    """
    from watchfiles import watch

    while True:
        yield time.monotonic()
        watched = places()
        if not watched:
            time.sleep(every)
            continue
        milliseconds = max(int(every * 1000), 1)
        try:
            for _ in watch(
                *watched,
                recursive=False,
                yield_on_timeout=True,
                rust_timeout=milliseconds,
                debounce=milliseconds,
                step=min(milliseconds, 50),
                watch_filter=None,
            ):
                yield time.monotonic()
                if places() != watched:
                    break
        except OSError:  # a place went away between two looks, or the system watches no more of them
            time.sleep(every)
