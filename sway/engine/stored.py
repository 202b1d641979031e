"""Answers as plain data for JSON files, bit for bit. What is read back may come from anywhere: it is checked."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sway.core.requests import Answer, Failure, Generated, SpanScore, TokenDist

_KINDS: Mapping[str, type[Any]] = {kind.__name__: kind for kind in (TokenDist, SpanScore, Generated)}
"""Answers that depend on the base, the adapter and the question alone."""

STALE_SECONDS = 14 * 24 * 3600
_OURS = "[0-9a-f]" * 64 + "*"
"""Files that are kept, and halves of them, begin with a SHA-256. The folder may hold other things."""


def keepable(answer: Answer | Failure) -> bool:
    """Whether an answer may outlive a run."""
    return type(answer).__name__ in _KINDS


def packed(answer: Answer) -> dict[str, Any]:
    """An answer as plain data."""
    values = {f.name: _plain(getattr(answer, f.name)) for f in fields(answer)}
    return {"kind": type(answer).__name__, **values}


def unpacked(stored: Any) -> Answer:
    """The answer again. Raises `ValueError`, `KeyError` or `TypeError` where it is none."""
    kind = _KINDS[stored["kind"]]
    answer: Answer = kind(**{f.name: _value(stored[f.name]) for f in fields(kind)})
    return answer


def replace_file(path: Path, content: Any) -> bool:
    """Write plain data in one step; False where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=path.stem, delete=False, encoding="utf-8"
        ) as part:
            part.write(json.dumps(content))
        Path(part.name).replace(path)
    except OSError:
        return False
    return True


def prune(folder: Path | None) -> None:
    """Remove the kept files that nobody came back for."""
    for path in folder.glob(_OURS) if folder else ():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "bytes": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}
    return value


def _value(stored: Any) -> Any:
    if isinstance(stored, dict):
        dtype = np.dtype(stored["dtype"])
        if dtype.kind not in "fib":
            raise ValueError(f"{dtype} is no dtype of an answer")
        return np.frombuffer(base64.b64decode(stored["bytes"], validate=True), dtype=dtype).copy()
    return tuple(_value(v) for v in stored) if isinstance(stored, list) else stored
