"""What a base model was asked, kept on disk: the next adapter on the same base is asked its own views alone.

The base view's answers depend on the base, the question and the manner of running. One file holds those of one base
and manner, under a digest of both, never a path. A torn or foreign file counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sway.backends.interface import Identity
from sway.core.requests import Answer, Failure, Request
from sway.engine.ask import question_key
from sway.engine.stored import keepable, packed, prune, replace_file, unpacked

FORMAT = 1
MAX_BYTES = 64 << 20
_ROUNDING = ("torch", "transformers", "tokenizers")
"""Packages whose version may move a number's last digit, or a token."""


class BaseAnswers:
    """The answers of one base, run in one manner. Without a folder, or a digest of the base, there are none."""

    def __init__(self, folder: Path | None, identity: Identity, numerics: str) -> None:
        parts = [str(FORMAT), identity.base_digest, numerics, platform.machine(), *map(_version, _ROUNDING)]
        self._key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        self._path = folder / f"{self._key}.json" if folder and identity.base_digest else None
        self.known = self._read()

    def keep(self, found: Mapping[Request[Any], Answer | Failure]) -> None:
        """Add what the base was asked. Where that is too much to keep, the oldest goes."""
        new = {question_key(q): a for q, a in found.items() if q.view.is_base and keepable(a)}
        if self._path is None or new.keys() <= self.known.keys():
            return
        prune(self._path.parent)
        # Read again: another run may have added to it meanwhile.
        kept = {key: packed(a) for key, a in (self._read() | new).items() if not isinstance(a, Failure)}
        sizes = {key: len(json.dumps(a)) for key, a in kept.items()}
        excess = sum(sizes.values()) - MAX_BYTES
        for key in list(kept):
            if excess <= 0:
                break
            excess -= sizes[key]
            del kept[key]
        replace_file(self._path, {"format": FORMAT, "key": self._key, "sum": _sum(kept), "answers": kept})

    def _read(self) -> dict[str, Answer | Failure]:
        try:
            if self._path is None or self._path.stat().st_size > 2 * MAX_BYTES:
                return {}
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            answers = stored["answers"]
            if (stored["format"], stored["key"], stored["sum"]) != (FORMAT, self._key, _sum(answers)):
                return {}
            found: dict[str, Answer | Failure] = {str(key): unpacked(value) for key, value in answers.items()}
            with suppress(OSError):  # of a folder that cannot be written nothing is pruned
                self._path.touch()
            return found
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}


def _sum(answers: Any) -> str:
    return hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
