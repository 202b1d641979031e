"""Writing a report to a file: refused before the work where it cannot succeed, and then in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sway.core.errors import SwayError

_MEND = "choose another path"


def check_target(path: Path, *inputs: Path) -> None:
    """Raise `SwayError` if `path` cannot be written, or is one of the `inputs`, which it would replace."""
    from sway.suite.files import exists

    try:
        if path.is_dir():
            raise SwayError("is a folder", where=str(path), mend="name the file itself")
        if any(path.exists() and exists(each) and path.samefile(each) for each in inputs):
            raise SwayError("it would replace what it is made from", where=str(path), mend=_MEND)
        if _is_stream(path):
            with path.open("ab"):
                return
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            return
    except (OSError, RuntimeError) as fault:
        raise _unwritable(path, fault) from None


def check_new(path: Path, force: bool | None = None) -> None:
    """Raise `SwayError` if a file is there already, unless `force` lets it be replaced, or if its folder is not.

    `force` is None for a command that has no such option.
    """
    from sway.suite.files import exists

    if exists(path) and not force:
        mend = "choose another with -o" if force is None else "choose another with -o, or add --force"
        raise SwayError("there is a file already", where=str(path), mend=mend)
    if not exists(path.parent) or not path.parent.is_dir():
        raise SwayError("there is no such folder", where=str(path.parent), mend="make it, or choose another with -o")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file that `path` leads to in one step; a pipe or a device is written to as it is.

    Raises:
        SwayError: the file cannot be written.
    """
    raw = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if _is_stream(path):
            path.write_bytes(raw)
        else:
            _replace(path.resolve(), raw)
    except (OSError, RuntimeError) as fault:
        raise _unwritable(path, fault) from None


def _is_stream(path: Path) -> bool:
    """Whether something is there that must not be replaced: /dev/null, /dev/stdout, a pipe."""
    return path.exists() and not path.is_file()


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, fault: Exception) -> SwayError:
    reason = getattr(fault, "strerror", None) or str(fault)
    return SwayError(f"cannot be written: {reason}", where=str(path)[:200], mend=_MEND)
