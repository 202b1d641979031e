"""Writes and reads the archive. Reading trusts nothing: names come from a list, sizes are bounded, hashes must hold."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from sway.core.errors import SwayError
from sway.pack.layout import ALLOWED, MANIFEST, MOST_FILES, SPEC, FileRecord, Manifest, megabytes

_OVERHEAD = 1_000_000
_UNREADABLE = (
    tarfile.TarError, zlib.error, OSError, EOFError, ValueError, ArithmeticError, LookupError, TypeError,
    RecursionError, MemoryError,
)  # fmt: skip
_MEND = "ask for the pack again, or make it again: sway pack"


def to_bytes(files: Mapping[str, bytes]) -> bytes:
    """The archive of some files. Equal files give equal bytes: no times, owners or orders come in."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files, key=lambda name: (name != MANIFEST, name)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()


def read(path: Path, limit: int) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and all other files of a pack, of at most `limit` bytes together. Nothing is written.

    Raises:
        SwayError: the file is no pack, or anything in it is not as it should be.
    """
    try:
        with path.open("rb") as file:
            found = _members(file, limit)
        manifest = Manifest.model_validate_json(found.pop(MANIFEST, b""), strict=True)
    except SwayError as fault:
        raise SwayError(fault.what, where=str(path), mend=fault.mend or _MEND) from None
    except FileNotFoundError:
        raise SwayError("there is no such file", where=str(path), mend="check the path") from None
    except ValidationError:
        raise SwayError("its manifest is missing or not of version 1", where=str(path), mend=_MEND) from None
    except _UNREADABLE as fault:
        reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
        raise SwayError(f"cannot be read as a swaypack: {reason}", where=str(path), mend=_MEND) from None
    _check(manifest, found, path)
    return manifest, found


def _check(manifest: Manifest, found: Mapping[str, bytes], path: Path) -> None:
    if SPEC not in found:
        raise SwayError(f"holds no {SPEC}", where=str(path), mend=_MEND)
    if odd := sorted(set(manifest.files) ^ set(found)):
        raise SwayError(f"its manifest and its files differ in {odd[0][:80]!r}", where=str(path), mend=_MEND)
    for name, content in found.items():
        if FileRecord.of(content) != manifest.files[name]:
            raise SwayError(f"{name} is not what the manifest says", where=str(path), mend=_MEND)


def _members(file: BinaryIO, limit: int) -> dict[str, bytes]:
    """Every member's content by name."""
    found: dict[str, bytes] = {}
    with gzip.GzipFile(fileobj=file) as unzipped:
        bounded = _Bounded(unzipped, limit + _OVERHEAD)
        with tarfile.open(fileobj=bounded, mode="r|") as tar:
            for member in tar:
                _refuse(member, found, limit - sum(map(len, found.values())), limit)
                content = tar.extractfile(member)
                found[member.name] = content.read() if content else b""
    return found


def _refuse(member: tarfile.TarInfo, found: Mapping[str, bytes], left: int, limit: int) -> None:
    """Raise `SwayError` for a member that has no place in a pack."""
    name = member.name[:80]
    if not member.isreg() or member.issparse():
        raise SwayError(f"holds {name!r}, which is no plain file")
    if not ALLOWED.fullmatch(member.name):
        raise SwayError(f"holds {name!r}, a name that no file of a pack has")
    if member.name in found:
        raise SwayError(f"holds {name!r} twice")
    if not 0 <= member.size <= left:
        raise _too_large(limit)
    if len(found) >= MOST_FILES:
        raise SwayError(f"holds more than {MOST_FILES:,} files")


class _Bounded(io.RawIOBase):
    """A stream that ends in an error after `limit` bytes, so that nothing can swell without end."""

    def __init__(self, source: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self.source, self.left, self.limit = source, limit, limit

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        got = self.source.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(got)
        if self.left < 0:
            raise _too_large(self.limit - _OVERHEAD)
        return got


def _too_large(limit: int) -> SwayError:
    return SwayError(f"unpacks to more than {megabytes(limit)}", mend="if you trust it, allow more with --max-size-mb")
