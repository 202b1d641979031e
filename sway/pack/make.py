"""Makes a pack."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from sway import __version__
from sway.core import folders
from sway.core.errors import SwayError
from sway.engine.nulls import adapter_prefix
from sway.pack.archive import to_bytes
from sway.pack.layout import ALLOWED, GOLDEN, MANIFEST, NULLS, FileRecord, Manifest, megabytes
from sway.pack.spec import portable
from sway.suite.spec import LoadedSpec

_MAX_NULL_BYTES = 4_000_000


@dataclass(frozen=True)
class Packed:
    """A pack in memory."""

    manifest: Manifest
    content: bytes

    @property
    def nulls(self) -> int:
        """How many probes' null statistics it holds."""
        return sum(name.startswith(f"{NULLS}/") for name in self.manifest.files)


def pack(loaded: LoadedSpec, *, golden: Path | None, nulls: bool, limit: int) -> Packed:
    """The pack of a spec, with the null statistics that this machine knows of its adapter.

    Raises:
        SwayError: a file cannot be read, the golden report is none, or all of it is over `limit` bytes.
    """
    files, outside = portable(loaded)
    if golden is not None:
        files[GOLDEN] = _report(golden)
    digest = _digest(loaded)
    if nulls and digest:
        files |= _null_statistics(digest)
    manifest = Manifest(
        sway_version=__version__,
        base=loaded.spec.models.ft.base,
        adapter=loaded.spec.models.ft.adapter or "",
        adapter_digest=digest,
        outside=outside,
        files={name: FileRecord.of(files[name]) for name in sorted(files)},
    )
    files[MANIFEST] = (manifest.model_dump_json(indent=2) + "\n").encode()
    total = sum(map(len, files.values()))
    if total > limit:
        what = f"the pack would hold {megabytes(total)}, more than {megabytes(limit)}"
        raise SwayError(what, where=str(loaded.path), mend="allow more with --max-size-mb, or leave something out")
    return Packed(manifest, to_bytes(files))


def _digest(loaded: LoadedSpec) -> str:
    """The digest of the adapter's content; empty where it is none that can be read, which a run will tell."""
    from sway.backends.adapter import read_adapter

    try:
        return read_adapter(loaded.adapter).digest if loaded.adapter else ""
    except SwayError:
        return ""


def _null_statistics(digest: str) -> dict[str, bytes]:
    folder = folders.null_statistics()
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob(f"{adapter_prefix(digest)}-*.json")) if folder else []:
        name = f"{NULLS}/{path.name}"
        try:
            told = path.stat()
            if ALLOWED.fullmatch(name) and stat.S_ISREG(told.st_mode) and told.st_size <= _MAX_NULL_BYTES:
                found[name] = path.read_bytes()
        except OSError:
            continue  # a statistic that cannot be read is computed again by whoever needs it
    return found


def _report(path: Path) -> bytes:
    """The bytes of a JSON report."""
    try:
        content = path.read_bytes()
        told = json.loads(content)
    except (OSError, ValueError, RecursionError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not JSON"
        raise SwayError(f"cannot be read: {reason}", where=str(path), mend="give a report of run --json") from None
    if not isinstance(told, dict) or told.get("schema_version") != 1 or not isinstance(told.get("probes"), list):
        raise SwayError("is not a report of sway", where=str(path), mend="give a report of run --json")
    return content
