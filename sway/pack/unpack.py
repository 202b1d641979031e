"""Takes a pack apart: everything is checked in memory, then the folder appears whole or not at all."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.core.errors import SwayError
from sway.pack.archive import read
from sway.pack.layout import NULLS, SPEC, Manifest
from sway.pack.spec import spec_data, with_models


@dataclass(frozen=True)
class Unpacked:
    """What came out, and where."""

    folder: Path
    manifest: Manifest
    names: tuple[str, ...]
    runs_code: bool = False

    @property
    def spec(self) -> Path:
        """The spec."""
        return self.folder / SPEC

    @property
    def command(self) -> str:
        """What runs it, with the nulls of the pack where there are any."""
        run = f"sway run {shlex.quote(str(self.spec))}"
        has_nulls = any(name.startswith(f"{NULLS}/") for name in self.names)
        return f"SWAY_NULL_CACHE_DIR={shlex.quote(str(self.folder / NULLS))} {run}" if has_nulls else run


def unpack(path: Path, folder: Path, *, limit: int, base: str | None = None, adapter: str | None = None) -> Unpacked:
    """Put a pack's files into a new folder; `base` and `adapter` say where the models are on this machine.

    Raises:
        SwayError: the folder is there already, or the pack is not as it should be; then nothing was written.
    """
    folder = folder.absolute()
    _refuse_taken(folder)
    manifest, files = read(path, limit)
    data = spec_data(files[SPEC].decode("utf-8", "replace"), f"{path}: {SPEC}")
    if base or adapter:
        files[SPEC] = with_models(data, base, adapter)
    _write(folder, files)
    return Unpacked(folder, manifest, tuple(sorted(files)), _runs_code(data))


def _runs_code(data: dict[str, Any]) -> bool:
    """Whether the spec asks for code that does not come with sway."""
    models = [data["models"][side] for side in ("base", "ft")]
    return any(m.get("trust_remote_code") or m.get("kind") == "custom" for m in models)


def _refuse_taken(folder: Path) -> None:
    try:
        taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
        lost = not folder.parent.is_dir()
    except OSError as fault:
        raise _unwritable(folder, fault) from None
    if taken:
        raise SwayError("is there already", where=str(folder), mend="choose another folder with -o")
    if lost:
        raise SwayError("there is no such folder", where=str(folder.parent), mend="make it, or choose another with -o")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write beside the folder, then rename."""
    part = None
    try:
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".swaypack-"))
        for name, content in files.items():
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(content)
        part.chmod(0o755)
        os.rename(part, folder)  # noqa: PTH104 - Path.rename says no more, and an empty folder is replaced by both
    except OSError as fault:
        raise _unwritable(folder, fault) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _unwritable(folder: Path, fault: OSError) -> SwayError:
    return SwayError(f"cannot be written: {fault.strerror}", where=str(folder)[:200], mend="choose another with -o")
