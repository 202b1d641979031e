"""One result file a version, the newest of them kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sway.core.errors import SwayError

_RESULT = re.compile(r"[A-Za-z0-9._-]+-[0-9a-f]{12}\.json")


@dataclass(frozen=True)
class History:
    """A folder of results, at most `most` of them."""

    folder: Path
    most: int

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            SwayError: it cannot be made, or written to.
        """
        import tempfile

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                return
        except OSError as fault:
            mend = "choose another with --history-dir"
            raise SwayError(f"cannot be written: {fault.strerror}", where=str(self.folder), mend=mend) from None

    def place(self, label: str, digest: str) -> Path:
        """Where the result of a version goes: named by its folder and its content."""
        return self.folder / f"{label}-{digest[:12]}.json"

    def has(self, result: Path, spec: Path) -> bool:
        """Whether a version was judged since the spec last changed."""
        try:
            return result.stat().st_mtime_ns >= spec.stat().st_mtime_ns
        except OSError:
            return False

    def prune(self) -> None:
        """Delete the oldest results beyond the number kept; nothing else in the folder is touched."""
        results = [p for p in self.folder.iterdir() if _RESULT.fullmatch(p.name) and p.is_file()]
        newest_first = sorted(results, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        for old in newest_first[self.most :]:
            old.unlink(missing_ok=True)
