"""Reads the files that a spec is made of."""

from __future__ import annotations

from pathlib import Path

from sway.core.errors import SwayError


def read_text(path: Path, *, shown: str, limit: int, role: str) -> str:
    """A UTF-8 file's text, without a byte order mark.

    Raises:
        SwayError: it is missing, a folder, larger than `limit` bytes, unreadable or not UTF-8.
    """
    raw = _read_bytes(path, shown, limit + 1, role)
    if len(raw) > limit:
        raise SwayError(f"larger than {limit:,} bytes", where=shown, mend=f"a {role} is not that large; check the path")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise SwayError("not UTF-8 text", where=f"{shown}:{line}", mend="save the file as UTF-8") from None


def _read_bytes(path: Path, shown: str, size: int, role: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise SwayError(f"no such {role} file", where=shown, mend="check the path") from None
    except IsADirectoryError:
        raise SwayError(f"this is a folder, not a {role} file", where=shown, mend="name the file itself") from None
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise SwayError(f"cannot be read: {reason}", where=shown) from None


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; a path that the system cannot even look up is not there."""
    try:
        return path.exists()
    except OSError:
        return False
