"""The models that are loaded: at most so many, each for one job at a time, the least recently used one let go first.

Those on other servers are never kept from job to job: no file here tells when they change.
"""

from __future__ import annotations

import gc
import json
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sway.backends.files import base_folder
from sway.backends.interface import Backend
from sway.core.model import ModelSpec
from sway.engine.plan import Options
from sway.engine.run import Build
from sway.serve.job import Job, Lent
from sway.suite.spec import LoadedSpec

_LOOK_AGAIN = 0.1
"""Seconds after which a waiting job looks whether it must stop."""


@dataclass
class _Slot:
    """One place for a model. `stamp` is the state of its files when it was loaded; `backend` None while it loads."""

    stamp: str
    name: str
    backend: Backend | None = None
    busy: bool = True
    uses: int = 0


class Models:
    """Lends loaded models to jobs. Safe for threads; a job that waits holds nothing."""

    def __init__(self, limit: int, build: Build) -> None:
        """At most `limit` models are loaded, or being loaded, at any time."""
        self.limit, self._build = limit, build
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self.counts: Counter[str] = Counter()

    def lend(self, loaded: LoadedSpec, options: Options, job: Job) -> Backend:
        """The model that a spec names, loaded if need be, for this job alone until it is closed.

        Raises:
            Stopped: the job must end before it can have it.
            SwayError: the model cannot be loaded.
        """
        name = key(loaded)
        slot, old = self._claim(name, stamp(loaded), _title(loaded.spec.models.ft), job)
        fresh = slot.backend is None
        keep = loaded.spec.models.ft.kind != "api"  # what a server has under a name may be another model by now
        try:
            _close(old)
            if slot.backend is None:
                slot.backend = self._build(loaded, options)
                self.counts["loads"] += 1
            slot.uses += 1
            return Lent(slot.backend, job, lambda sound: self._give_back(name, slot, sound and keep), fresh=fresh)
        except BaseException:
            self._give_back(name, slot, keep=False)
            raise

    def names(self) -> list[dict[str, str | int | bool]]:
        """Each model's name, whether a job has it, and how many had it; the least recently used first."""
        slots = list(self._slots.values())
        return [{"model": s.name, "busy": s.busy, "uses": s.uses} for s in slots]

    def close(self) -> None:
        """Let every idle model go, and a busy one when its job ends."""
        with self._changed:
            self._closed = True
            idle = [name for name, slot in self._slots.items() if not slot.busy]
            closing = [self._slots.pop(name) for name in idle]
        for slot in closing:
            _close(slot.backend)

    def _claim(self, name: str, stamp: str, title: str, job: Job) -> tuple[_Slot, Backend | None]:
        """A slot for this job alone, and the model that must go before another is loaded into it."""
        with self._changed:
            while True:
                job.check()
                slot = self._slots.get(name)
                if slot is not None and not slot.busy:
                    return self._take(name, slot, stamp)
                if slot is None and (room := self._room()) is not None:
                    slot = self._slots[name] = _Slot(stamp, title)
                    return slot, room.backend if isinstance(room, _Slot) else None
                self._changed.wait(_LOOK_AGAIN)

    def _take(self, name: str, slot: _Slot, stamp: str) -> tuple[_Slot, Backend | None]:
        """An idle slot; what is in it goes if the model's files are others by now."""
        slot.busy, old = True, None
        if slot.stamp != stamp:
            old, slot.backend, slot.stamp = slot.backend, None, stamp
            self.counts["reloads"] += 1
        self._slots.move_to_end(name)
        return slot, old

    def _room(self) -> _Slot | bool | None:
        """True if there is room, the slot that was emptied to make room, or None where every model is in use."""
        if len(self._slots) < self.limit:
            return True
        idle = next((name for name, slot in self._slots.items() if not slot.busy), None)
        if idle is None:
            return None
        self.counts["evictions"] += 1
        return self._slots.pop(idle)

    def _give_back(self, name: str, slot: _Slot, keep: bool) -> None:
        """End a loan. A model that failed in its own code is let go: whatever state it is in is nobody's to trust."""
        if not keep:
            _close(slot.backend)
        with self._changed:
            if not keep:
                self._slots.pop(name, None)
            slot.busy = False
            self._changed.notify_all()
        if self._closed:
            self.close()


def _close(backend: Backend | None) -> None:
    """Let a model go. Models hold themselves in cycles, which would otherwise outlive the next model's loading."""
    if backend is None:
        return
    try:
        backend.close()
    except Exception:  # a model that cannot be closed must not cost the next one its turn
        logging.getLogger("sway.serve").exception("a model could not be closed")
    del backend
    gc.collect()


def key(loaded: LoadedSpec) -> str:
    """What makes two specs share a loaded model: everything in `models`, and whether one model serves both views."""
    models = loaded.spec.models
    return json.dumps([models.base.model_dump(), models.ft.model_dump(), loaded.spec.defaults.differential])


def stamp(loaded: LoadedSpec) -> str:
    """The state of the model's files on disk; it changes when one is written, replaced, added or removed."""
    models = loaded.spec.models
    return json.dumps([list(_states(model)) for model in (models.base, models.ft)])


def _states(model: ModelSpec) -> Iterator[tuple[str | int, ...]]:
    folders = (base_folder(model.base, model.revision), Path(model.adapter) if model.adapter else None)
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
            if path.is_file():
                state = path.stat()
                yield str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def _title(model: ModelSpec) -> str:
    return f"{model.adapter} on {model.base}" if model.adapter else model.base
