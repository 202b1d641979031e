"""A JSON list to plain data, with the line on which each of its items starts."""

from __future__ import annotations

import json
import re
from typing import Any

from sway.suite.plain import Tree, plain
from sway.suite.problems import Problems

_SPACE = re.compile(r"[ \t\r\n]*")


class _RepeatedKeyError(ValueError):
    """An object has one key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} appears twice")
    return data


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def parse_json(text: str, problems: Problems) -> Tree:
    """Read one JSON document.

    Raises:
        SpecError: the text is not JSON, so that there is nothing to go on with.
    """
    tree = Tree(lines={(): 1})
    start = _skip(text, 0)
    try:
        if text[start : start + 1] == "[":
            tree.data = _items(text, start + 1, tree)
        else:
            tree.data = _DECODER.decode(text)
    except json.JSONDecodeError as fault:
        problems.stop(f"not valid JSON: {fault.msg}", f"{fault.lineno}:{fault.colno}")
    except RecursionError:
        problems.stop("nested too deeply")
    except ValueError as fault:
        problems.stop(f"not valid JSON: {fault}", str(max(tree.lines.values())))
    problems.lines = tree.lines
    tree.data = plain(tree.data, (), problems)
    return tree


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _items(text: str, at: int, tree: Tree) -> list[Any]:
    """Every item of a list whose bracket ends before `at`; notes the line of each in `tree`."""
    items: list[Any] = []
    line, counted = text.count("\n", 0, at) + 1, at
    at = _skip(text, at)
    while items or text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        tree.lines[(len(items),)] = line
        item, at = _DECODER.raw_decode(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    if (end := _skip(text, at + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return items
