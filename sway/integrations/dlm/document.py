"""A `.dlm` document: front matter and sections. Read by the `dlm` package where it is installed, else by our reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sway.core.errors import SwayError

PACKAGE = "document-language-model"
MAX_BYTES = 16_000_000
TEXT_KINDS = ("prose", "instruction", "preference")
DLM_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
ADAPTER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Part:
    """One section as it stands: `line` is where it starts, `adapter` the one that it is routed to, `id` its hash."""

    kind: str
    content: str
    line: int
    adapter: str | None
    id: str


@dataclass(frozen=True)
class Document:
    """What a document says. `adapters` are those declared, in order; none for a document with a single one."""

    path: Path
    dlm_id: str
    base_model: str
    adapters: tuple[str, ...]
    parts: tuple[Part, ...]

    def where(self, part: Part) -> str:
        """`file:line` of a section."""
        return f"{self.path}:{part.line}"

    def routed_to(self, adapter: str | None) -> tuple[Part, ...]:
        """The sections that train one adapter; all of them where none is named.

        Prose that names no adapter trains every one; any other such section trains the first.
        """
        if adapter is None or not self.adapters:
            return self.parts
        return tuple(
            p
            for p in self.parts
            if (p.adapter == adapter if p.adapter else p.kind == "prose" or adapter == self.adapters[0])
        )


Reader = Callable[[str, Path], Document]


def read_document(path: Path, reader: Reader | None = None) -> Document:
    """Read and check a document.

    Raises:
        SwayError: it is missing, too large, not UTF-8, or not a document.
    """
    return (reader or installed_reader())(_text(path), path)


def has_package() -> bool:
    """Whether the tool that the format belongs to is installed: another package has the same import name."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(PACKAGE)
    except PackageNotFoundError:
        return False
    return True


def installed_reader() -> Reader:
    """The package's reader where it is installed, else ours."""
    if has_package():
        from sway.integrations.dlm.package import parse as parse_by_package

        return parse_by_package
    from sway.integrations.dlm.fences import parse

    return parse


def _text(path: Path) -> str:
    """The file's text with line feeds alone, without a byte order mark."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise SwayError(f"cannot be read: {reason}", where=str(path), mend="name a .dlm document") from None
    if len(raw) > MAX_BYTES:
        raise SwayError(f"larger than {MAX_BYTES:,} bytes", where=str(path), mend="name a .dlm document")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise SwayError("not UTF-8 text", where=f"{path}:{line}", mend="save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
