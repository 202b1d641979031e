"""Sections of training or control text: from a list in the spec, or from a JSON, YAML or Markdown file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sway.core.errors import SpecError, SwayError
from sway.core.sections import Section, SectionKind
from sway.suite.files import read_text
from sway.suite.jsontree import parse_json
from sway.suite.plain import Tree
from sway.suite.problems import NodePath, Problems, nearest
from sway.suite.resolve import resolve_file
from sway.suite.wording import validate
from sway.suite.yamltree import parse

MAX_YAML, MAX_TEXT = 1_000_000, 16_000_000
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(?P<title>.*?))?(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}(?=[^`]*$)|~{3,})")


def read_sections(value: Any, at: NodePath, folder: Path, problems: Problems) -> tuple[Section, ...]:
    """The sections given inline as a list or in the file that `value` names; faults go to `problems`."""
    if isinstance(value, str):
        path = resolve_file(value, folder, at, problems)
        return _from_file(path, value, problems) if path else ()
    return _from_list(value, at, problems)


def _from_file(path: Path, shown: str, problems: Problems) -> tuple[Section, ...]:
    """Reads by suffix. The file's faults carry its own lines."""
    read = _READERS.get(path.suffix.lower())
    own = Problems(shown)
    if read is None:
        mend = nearest(path.suffix, _READERS)
        problems.include([SwayError(f"sections cannot be read from {path.suffix!r} files", where=shown, mend=mend)])
        return ()
    limit = MAX_YAML if read is parse else MAX_TEXT
    try:
        tree = read(read_text(path, shown=shown, limit=limit, role="section"), own)
    except SpecError as fault:
        problems.include(fault.problems)
        return ()
    except SwayError as fault:
        problems.include([fault])
        return ()
    own.lines = tree.lines
    sections = _from_list(tree.data, (), own)
    problems.include(own.found)
    return sections


def _from_list(data: Any, at: NodePath, problems: Problems) -> tuple[Section, ...]:
    if not isinstance(data, list):
        problems.add("must be a list of sections, or the name of a .json, .yaml or .md file", at)
        return ()
    if not data:
        problems.add("holds no section", at)
    read = [(i, validate(Section, item, (*at, i), problems)) for i, item in enumerate(data)]
    seen: dict[str, int] = {}
    for i, section in read:
        if section and section.id in seen:
            where = problems.where((*at, seen[section.id]))
            problems.add("repeats the section that stands first at " + where, (*at, i), mend="remove one of them")
        elif section:
            seen[section.id] = i
    return tuple(section for _, section in read if section)


def parse_markdown(text: str, _: Problems) -> Tree:
    """A prose section for each heading that has text under it, and for the text before the first.

    Headings are lines that start with `#`, outside fenced code; the heading becomes the section's tag.
    """
    tree = Tree([])
    for line, title, body in _split(text):
        if body.strip():
            tree.lines[(len(tree.data),)] = line
            tree.data.append({"kind": str(SectionKind.PROSE), "content": body.strip(), "tag": title})
    return tree


def _split(text: str) -> Iterator[tuple[int, str | None, str]]:
    """(line, heading, text under it) in order."""
    start, title, body, fence = 1, None, list[str](), ""
    for number, line in enumerate(text.splitlines(), start=1):
        heading = None if fence else _HEADING.match(line)
        if heading:
            yield start, title, "\n".join(body)
            start, title, body = number, heading["title"] or None, []
            continue
        fence = _fence_after(line, fence)
        body.append(line)
    yield start, title, "\n".join(body)


def _fence_after(line: str, fence: str) -> str:
    """The fence that is open after a line: it closes with as many of its marks, alone on the line."""
    found = _FENCE.match(line)
    if not fence:
        return found["mark"] if found else ""
    closes = found and found["mark"].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


_READERS: dict[str, Callable[[str, Problems], Tree]] = {
    ".json": parse_json,
    ".yaml": parse,
    ".yml": parse,
    ".md": parse_markdown,
    ".markdown": parse_markdown,
}
