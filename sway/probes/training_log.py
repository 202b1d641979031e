"""Finds and reads the log of a training run: the loss, a step each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.core.errors import SwayError

MAX_BYTES = 64 * 2**20
LEVELS_UP = 5
LARGEST = 1e30


@dataclass(frozen=True)
class TrainingLog:
    """Losses (n,) at `steps` (n,), in order, and the file that they come from."""

    path: Path
    steps: tuple[int, ...]
    losses: tuple[float, ...]


def find_training_log(store: Path | None, adapter: Path | None) -> TrainingLog | None:
    """The log under `store`, or, without one, that around the adapter; None if there is none.

    Raises:
        SwayError: a log is there but cannot be read, or logs a loss that is not a number.
    """
    if store is not None:
        places = [store, *([store.parent] if store.name == "logs" else [])]
    else:
        places = [adapter, *list(adapter.parents)[:LEVELS_UP]] if adapter is not None else []
    path = next((file for place in places if (file := _log_in(place))), None)
    return _read(path) if path else None


def _log_in(folder: Path) -> Path | None:
    """The newest log of a folder, by the number and time in its name, or the furthest checkpoint's state."""
    if logs := sorted(log for log in folder.glob("logs/train-*.jsonl") if log.is_file()):
        return logs[-1]
    state = folder / "trainer_state.json"
    if state.is_file():
        return state
    states = [c / "trainer_state.json" for c in folder.glob("checkpoint-*")]
    found = [s for s in states if s.is_file()]
    return max(found, key=lambda s: (len(s.parent.name), s.parent.name)) if found else None


def _read(path: Path) -> TrainingLog:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SwayError("is too large for a training log", where=str(path), mend=f"keep it under {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        records = list(_trainer_records(text) if path.suffix == ".json" else _lines(text))
        by_step = {int(r["step"]): float(r["loss"]) for r in records if _is_step(r)}
    except (OSError, ValueError, OverflowError, RecursionError) as fault:
        raise SwayError(f"cannot be read ({fault})", where=str(path), mend="remove or repair the log") from None
    if not all(abs(loss) <= LARGEST for loss in by_step.values()):
        raise SwayError("logs a loss that is not a number", where=str(path), mend="train again: training diverged")
    steps = sorted(by_step)
    return TrainingLog(path, tuple(steps), tuple(by_step[s] for s in steps))


def _lines(text: str) -> Iterator[Any]:
    """One record a line. A last line that a crash cut short is passed over."""
    lines = [line for line in text.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        try:
            yield json.loads(line)
        except ValueError:
            if i < len(lines) - 1:
                raise


def _trainer_records(text: str) -> Iterable[Any]:
    state = json.loads(text)
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list):
        raise ValueError("it has no log_history")
    return history


def _is_step(record: Any) -> bool:
    """Whether a record gives a step's loss."""
    return isinstance(record, dict) and all(
        isinstance(record.get(k), (int, float)) and not isinstance(record.get(k), bool) for k in ("step", "loss")
    )
