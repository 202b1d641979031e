"""The store of a document: its trained adapters, which of them is current, and its training logs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sway.core import folders
from sway.core.errors import SwayError
from sway.integrations.dlm.document import ADAPTER_NAME

POINTER = "current.txt"
_MAX_POINTER, _MAX_MANIFEST = 4096, 16_000_000


@dataclass(frozen=True)
class Store:
    """The folder of one document under `$DLM_HOME/store`, or `~/.dlm/store`."""

    root: Path

    @classmethod
    def of(cls, dlm_id: str) -> Store:
        """The store of a document, whether it is there or not."""
        return cls(folders.dlm_home().absolute() / "store" / dlm_id)

    @property
    def logs(self) -> Path:
        """Where training logs are."""
        return self.root / "logs"

    def pointer(self, adapter: str | None = None) -> Path:
        """The file that names the current version of the document's adapter, or of one that it declares."""
        return self.root.joinpath("adapter", *([adapter] if adapter else []), POINTER)

    def current(self, adapter: str | None = None) -> Path | None:
        """The folder of the current version; None where nothing has been trained.

        Raises:
            SwayError: the pointer cannot be read, leaves the store, or names a version that is not there.
        """
        pointer = self.pointer(adapter)
        try:
            with pointer.open("rb") as file:
                named = file.read(_MAX_POINTER + 1).decode("utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as fault:
            raise SwayError(f"cannot be read: {fault}", where=str(pointer), mend=_RETRAIN) from None
        if not named:
            return None
        return self._inside(named, pointer)

    def _inside(self, named: str, pointer: Path) -> Path:
        try:
            root = self.root.resolve()
            folder = (root / named).resolve()
            there = folder.is_relative_to(root)
        except (OSError, ValueError, RuntimeError):
            there = False
        if not there or len(named) > _MAX_POINTER:
            raise SwayError(f"names a place outside the store: {named[:80]!r}", where=str(pointer), mend=_RETRAIN)
        if not folder.is_dir():
            raise SwayError(f"names {named[:80]!r}, which is not there", where=str(pointer), mend=_RETRAIN)
        return folder

    def adapter_of(self, folder: Path) -> str | None:
        """Which declared adapter a version's folder belongs to; None for the only one, and for a folder elsewhere.

        >>> store = Store(Path("/store/ID"))
        >>> store.adapter_of(Path("/store/ID/adapter/tone/versions/v0001")), store.adapter_of(Path("/runs/v0001"))
        ('tone', None)
        """
        try:
            steps = folder.resolve().relative_to(self.root.resolve()).parts
        except (OSError, ValueError, RuntimeError):
            return None
        if len(steps) != 4 or (steps[0], steps[2]) != ("adapter", "versions") or not ADAPTER_NAME.fullmatch(steps[1]):
            return None
        return steps[1]

    def trained_revision(self) -> str | None:
        """The revision of the base that the store says it was trained on."""
        manifest = self.root / "manifest.json"
        try:
            if manifest.stat().st_size > _MAX_MANIFEST:
                return None
            told = json.loads(manifest.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        revision = told.get("base_model_revision") if isinstance(told, dict) else None
        return revision if isinstance(revision, str) and revision.isalnum() else None


_RETRAIN = "train the document again: dlm train"
