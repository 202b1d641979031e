"""What a swaypack holds: the names that its files may have, and its manifest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SUFFIX = ".swaypack.tar.gz"
MANIFEST, SPEC, DOCUMENT, GOLDEN, NULLS = "manifest.json", "sway.yaml", "source.dlm", "golden.json", "null-stats"
TEXT_SUFFIXES = (".json", ".yaml", ".yml", ".md", ".markdown")
DEFAULT_MB = 50
MOST_FILES = 10_000
_TEXTS = "|".join(re.escape(suffix) for suffix in TEXT_SUFFIXES)
ALLOWED = re.compile(
    rf"{re.escape(MANIFEST)}|{re.escape(SPEC)}|{re.escape(DOCUMENT)}|{re.escape(GOLDEN)}"
    rf"|(sections|controls)({_TEXTS})|{NULLS}/[0-9a-f]{{16}}-[0-9a-f]{{64}}\.json"
)
"""Every name that is ever read from a pack or written to disk. None of them leaves the folder."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRecord(_Record):
    """One file: its content's SHA-256 and how many bytes it has."""

    sha256: Digest
    size: int = Field(ge=0)

    @classmethod
    def of(cls, content: bytes) -> FileRecord:
        """The record of some content."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


class Manifest(_Record):
    """What is in the pack, and what the spec needs beside it: `adapter_digest` is empty where it is not known."""

    format: Literal["swaypack"] = "swaypack"
    version: Literal[1] = 1
    sway_version: Annotated[str, StringConstraints(max_length=100)]
    base: Annotated[str, StringConstraints(max_length=5000)]
    adapter: Annotated[str, StringConstraints(max_length=5000)] = ""
    adapter_digest: Digest | Literal[""] = ""
    outside: tuple[Annotated[str, StringConstraints(max_length=5000)], ...] = ()
    files: Mapping[str, FileRecord]


def megabytes(count: int) -> str:
    """A size for people.

    >>> megabytes(1536), megabytes(2_500_000)
    ('1.5 KB', '2.4 MB')
    """
    return f"{count / 1024:.1f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"
