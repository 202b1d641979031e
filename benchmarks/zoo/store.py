"""Folders that are built once, whoever asks and however many processes ask at once."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_STALE_SECONDS = 900


def made(done: Path, build: Callable[[Path], object]) -> Path:
    """The folder `done`, built by `build` if it is not there; a build that fails leaves nothing."""
    lock = done.with_name(f"{done.name}.lock")
    while not done.exists():
        if _taken(lock):
            try:
                if not done.exists():
                    _build(done, build)
            finally:
                lock.rmdir()
        else:
            time.sleep(0.2)
    return done


def digest(files: Sequence[Path], more: str = "") -> str:
    """Sixteen hex digits of the content of files."""
    return hashlib.sha256(b"\0".join([more.encode(), *(p.read_bytes() for p in files)])).hexdigest()[:16]


def _build(done: Path, build: Callable[[Path], object]) -> None:
    half = done.with_name(f"{done.name}.{os.getpid()}")
    try:
        build(half)
        half.rename(done)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _taken(lock: Path) -> bool:
    """Whether this process got the lock; a lock whose owner died long ago is removed."""
    try:
        lock.mkdir()
    except FileExistsError:
        try:
            if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
                lock.rmdir()
        except FileNotFoundError:
            pass
        return False
    return True
