"""Our reader of `.dlm` documents: the same sections, with the same ids, as the `dlm` package reads.

Front matter stands between two lines of `---`. Text is prose until a line such as `::instruction::`,
`::instruction#adapter::` or `::image path="..."::` opens a section of another kind; between lines of
three backquotes such lines are text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sway.core.errors import SwayError, to_install
from sway.core.strictyaml import StrictLoader
from sway.integrations.dlm.document import ADAPTER_NAME, DLM_ID, TEXT_KINDS, Document, Part

LATEST_VERSION = 15
_ATTRIBUTES = {"image": ({"path"}, {"path", "alt"}), "audio": ({"path", "transcript"}, {"path", "transcript"})}
_PAIR = r'[a-z][a-z0-9_]*="[^"\n]*"'
_FENCE = re.compile(r"::(?P<name>[A-Za-z0-9_#-]+)::")
_MEDIA = re.compile(rf"::(?P<name>[a-z][a-z0-9_]*)(?P<pairs>(?:\s+{_PAIR})+)\s*::")
_NOTES = {
    "instruction": re.compile(r'<!-- dlm-auto-harvest: source="[^"]*" -->|<!-- dlm-auto-synth:.* -->'),
    "preference": re.compile(r'<!-- dlm-auto-harvest: source="[^"]*" -->|<!-- dlm-auto-mined:.* -->'),
}
"""Lines at the head of a section by which tools say where it comes from; they are not its content."""


class _Loader(StrictLoader):
    """YAML without numbers that Python may refuse to print."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        made = super().construct_object(node, deep)
        if isinstance(made, int) and not -(2**63) <= made < 2**63:
            raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
        return made


@dataclass
class _Open:
    """The section that is being read."""

    kind: str
    line: int
    adapter: str | None = None
    media: str = ""
    lines: list[str] = field(default_factory=list)

    def close(self) -> Part | None:
        """The section; None for prose without a word."""
        lines = self.lines
        note = _NOTES.get(self.kind)
        while note and lines and note.fullmatch(lines[0]):
            lines = lines[1:]
        content = "\n".join(lines)
        if self.kind == "prose" and not content.strip():
            return None
        told = content if self.kind in TEXT_KINDS else self.media
        digest = hashlib.sha256(f"{self.kind}\n{told.removeprefix(_MARK)}".encode()).hexdigest()
        return Part(self.kind, content, self.line, self.adapter, digest[:16])


_MARK = "\ufeff"


def parse(text: str, path: Path) -> Document:
    """The document in `text`, whose lines end in line feeds.

    Raises:
        SwayError: it is not a document; with the line.
    """
    lines = text.split("\n")
    if lines[0] != "---":
        raise _fault(path, 1, "the document must start with a line of ---")
    end = next((i for i, line in enumerate(lines[1:], start=1) if line == "---"), None)
    if end is None:
        raise _fault(path, 1, "no line of --- ends the front matter")
    dlm_id, base, adapters = _front_matter("\n".join(lines[1:end]), path)
    body, start = "\n".join(lines[end + 1 :]), end + 2
    if body.startswith("\n"):
        body, start = body[1:], start + 1
    body = body.removesuffix("\n")
    return Document(path, dlm_id, base, adapters, _parts(body.split("\n") if body else [], start, path))


def _parts(lines: list[str], start: int, path: Path) -> tuple[Part, ...]:
    found: list[Part | None] = []
    current, code = _Open("prose", start), False
    for number, line in enumerate(lines, start=start):
        code ^= line.startswith("```")
        opened = None if code or line.startswith("```") else _opened(line, number, path)
        if opened:
            found.append(current.close())
            current = opened
        else:
            current.lines.append(line)
    if code:
        raise _fault(path, current.line, "a code block in this section has no end", "close it with a line of ```")
    return tuple(part for part in (*found, current.close()) if part)


def _opened(line: str, number: int, path: Path) -> _Open | None:
    """The section that a line opens, if it opens one."""
    if media := _MEDIA.fullmatch(line):
        return _media(media["name"], media["pairs"], number, path)
    fence = _FENCE.fullmatch(line)
    if not fence:
        return None
    kind, routed, adapter = fence["name"].partition("#")
    if routed and not ADAPTER_NAME.fullmatch(adapter):
        raise _fault(path, number, f"{adapter!r} is no name of an adapter", "use small letters, digits and _")
    if kind in _ATTRIBUTES:
        raise _fault(path, number, f"a section of kind {kind} needs its path", f'write ::{kind} path="..."::')
    if kind not in TEXT_KINDS:
        raise _fault(path, number, f"there is no section of kind {kind!r}", f"known: {', '.join(TEXT_KINDS)}")
    return _Open(kind, number, adapter or None)


def _media(kind: str, pairs: str, number: int, path: Path) -> _Open:
    if kind not in _ATTRIBUTES:
        raise _fault(path, number, f"a section of kind {kind!r} takes no attributes", f"write ::{kind}::")
    needed, allowed = _ATTRIBUTES[kind]
    given = [pair.partition("=") for pair in re.findall(_PAIR, pairs)]
    names = [name for name, _, _ in given]
    if len(set(names)) < len(names) or not needed <= set(names) <= allowed:
        raise _fault(path, number, f"a section of kind {kind} takes {' and '.join(sorted(allowed))}, each once")
    values = {name: value.strip('"') for name, _, value in given}
    if not "".join(values.values()).isascii():
        raise _fault(path, number, f"an attribute of this {kind} section is not plain ASCII")
    return _Open(kind, number, media=values["path"])


def _front_matter(text: str, path: Path) -> tuple[str, str, tuple[str, ...]]:
    """The document's id, its base and the adapters that it declares."""
    try:
        matter = yaml.load(text, _Loader) if text.strip() else {}
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        problem = getattr(fault, "problem", None) or "unreadable"
        raise _fault(path, mark.line + 2 if mark else 2, f"the front matter is not valid YAML: {problem}") from None
    except (ValueError, OverflowError, RecursionError):
        raise _fault(path, 2, "the front matter cannot be read") from None
    if not isinstance(matter, dict):
        raise _fault(path, 2, "the front matter must be a mapping")
    _check_version(matter.get("dlm_version", 1), path)
    dlm_id, base = matter.get("dlm_id"), matter.get("base_model")
    if not (isinstance(dlm_id, str) and DLM_ID.fullmatch(dlm_id)):
        raise _fault(path, 2, "dlm_id must be 26 digits and capital letters", "dlm init writes one")
    if not (isinstance(base, str) and base):
        raise _fault(path, 2, "base_model is missing", "write base_model: hf:organization/name")
    return dlm_id, base, _adapters(matter.get("training"), path)


def _check_version(version: Any, path: Path) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _fault(path, 2, "dlm_version must be a whole number from 1")
    if version > LATEST_VERSION:
        mend = f"upgrade sway, or install the dlm tool: {to_install('dlm')}"
        raise _fault(path, 2, f"dlm_version {version} is newer than the {LATEST_VERSION} that can be read", mend)


def _adapters(training: Any, path: Path) -> tuple[str, ...]:
    declared = training.get("adapters") if isinstance(training, dict) else None
    if declared is None:
        return ()
    if not (isinstance(declared, dict) and declared):
        raise _fault(path, 2, "training.adapters must be a mapping of names to settings")
    for name in declared:
        if not (isinstance(name, str) and ADAPTER_NAME.fullmatch(name)):
            raise _fault(path, 2, f"training.adapters: {str(name)[:40]!r} is no name of an adapter")
    return tuple(declared)


def _fault(path: Path, line: int, what: str, mend: str = "mend the document") -> SwayError:
    return SwayError(what, where=f"{path}:{line}", mend=mend)
