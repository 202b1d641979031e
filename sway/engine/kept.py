"""Answers that outlive an interrupted command, by content: the same command goes on where it was stopped.

Nothing is written while all goes well. What was answered until an interruption goes into one file per base, adapter
and manner of running, and is removed when a run of the same has ended. A torn or foreign file counts as absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sway.backends.interface import Identity
from sway.core.errors import Interrupted
from sway.core.requests import Answer, Failure, Request
from sway.engine.ask import Store, question_key
from sway.engine.stored import keepable, packed, prune, replace_file, unpacked

FORMAT = 1


class Ledger:
    """The answers of one command, which may judge several adapters on one base.

    `hold` keeps on disk what a finished run was answered until `close`, so that a command of several runs can go
    on in the middle. What the base was asked for one adapter is not asked again for the next.
    """

    def __init__(self, folder: Path | None, *, hold: bool = False) -> None:
        self.folder, self.hold = folder, hold
        self._base: dict[str, dict[Request[Any], Answer | Failure]] = {}
        self._files: list[Path] = []

    def open(self, identity: Identity, numerics: str) -> Store:
        """A store with what is known of this model. `numerics` names what rounds the numbers."""
        store = Store(known=_read(self._path(identity, numerics)))
        if identity.base_digest:
            store.found |= self._base.get(_base_key(identity, numerics), {})
        return store

    def interrupted(self, store: Store, identity: Identity, numerics: str) -> Interrupted:
        """Keep what was answered; the exception says how to go on."""
        path = self._path(identity, numerics)
        prune(self.folder)
        kept = {**store.known, **_answers(store)}
        if path is None or not kept or not _write(path, kept):
            return Interrupted("interrupted; nothing was kept, and the same command starts afresh")
        return Interrupted(f"interrupted; {len(kept)} answers are kept: run the same command again to go on")

    def ended(self, store: Store, identity: Identity, numerics: str) -> None:
        """The run has its answers."""
        base = {q: a for q, a in store.found.items() if q.view.is_base and keepable(a)}
        self._base.setdefault(_base_key(identity, numerics), {}).update(base)
        path = self._path(identity, numerics)
        if path is None:
            return
        self._files.append(path)
        if self.hold:
            _write(path, {**store.known, **_answers(store)})
        else:
            self.close()

    def close(self) -> None:
        """The command is over: what it kept is of no more use."""
        for path in self._files:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self._files.clear()

    def _path(self, identity: Identity, numerics: str) -> Path | None:
        if self.folder is None or not (identity.base_digest and identity.adapter_digest):
            return None
        parts = [str(FORMAT), identity.base_digest, identity.adapter_digest, numerics]
        return self.folder / f"{hashlib.sha256(' '.join(parts).encode()).hexdigest()}.json"


def _base_key(identity: Identity, numerics: str) -> str:
    return f"{identity.base_digest}\0{numerics}"


def _answers(store: Store) -> dict[str, Answer]:
    return {question_key(q): a for q, a in store.found.items() if not isinstance(a, Failure) and keepable(a)}


def _write(path: Path, answers: Mapping[str, Answer]) -> bool:
    """Replace the file in one step; False where it cannot be written."""
    return replace_file(path, {"format": FORMAT, "answers": {key: packed(a) for key, a in answers.items()}})


def _read(path: Path | None) -> dict[str, Answer]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}
        return {str(k): unpacked(v) for k, v in stored["answers"].items()} if stored.get("format") == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
