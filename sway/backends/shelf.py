"""Keeps a loaded base for the next adapter: specs of one base load it once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sway.backends.files import base_folder, content_digest
from sway.core.model import ModelSpec

T = TypeVar("T")


class Shelf(Generic[T]):
    """Room for one loaded base. Asking for another one drops the first, so that two never fill the memory."""

    def __init__(self) -> None:
        self._key = ""
        self._held: T | None = None

    def take(self, spec: ModelSpec, load: Callable[[ModelSpec], T]) -> tuple[T, bool]:
        """The base of `spec`, loaded if it is not here; and whether it was here."""
        key = base_key(spec)
        if self._held is not None and key == self._key:
            return self._held, True
        self.clear()
        held = load(spec)
        self._key, self._held = key, held
        return held, False

    def clear(self) -> None:
        """Drop what is held."""
        self._key, self._held = "", None


def base_key(spec: ModelSpec) -> str:
    """What makes two loaded bases the same: content where it is on this machine, else the name; and how it is run."""
    folder = base_folder(spec.base, spec.revision)
    content = content_digest(folder) if folder else f"{spec.base}@{spec.revision}"
    return f"{spec.kind}\0{content}\0{spec.dtype}\0{spec.device}\0{spec.trust_remote_code}"
