"""Finds the tool calls in a reply, in the shapes that models write them.

Nothing here raises on any text, recurses with its depth, or takes more than linear time in its length.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST_CHARS = 50_000
MOST_CALLS = 16
MOST_DEPTH = 32
MOST_TRIES = 32
"""Braces that turn out to open no JSON before the rest of a text is given up; each costs one pass over it."""
MOST_CODE = 2_000
_UNREADABLE = object()
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_WRAPPERS = ("tool_calls", "content", "parts", "function", "function_call", "functionCall", "toolUse")

_KEY = re.compile(r'\{\s*"')
_OPENING = re.compile(r"[{\[]")
# A string that is never closed runs to the end: with possessive repeats, no text is passed over twice.
_MARK = re.compile(r'[{}\[\]]|"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_FENCE = re.compile(r"```[\w-]*+(.*?)(?:```|\Z)", re.DOTALL)
_TOOL_CODE = re.compile(r"```tool_code\b(.*?)(?:```|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^<>\s]{1,256})>(.*?)(?:</function>|\Z)", re.DOTALL)
_INVOKE = re.compile(r'<(?:\w{1,16}:)?invoke name="([^"<>]{1,256})">(.*?)(?:</(?:\w{1,16}:)?invoke>|\Z)', re.DOTALL)
_PARAMETER = re.compile(
    r'<(?:\w{1,16}:)?parameter(?:=| name=)"?([^<>"\s]{1,256})"?>(.*?)(?:</(?:\w{1,16}:)?parameter>|\Z)', re.DOTALL
)
_NAMED = re.compile(r"([\w.-]{1,256})(?:\[CALL_ID\][\w-]{1,64})?(?:\[ARGS\])?(?=\{)")


@dataclass(frozen=True)
class Call:
    """A tool's name and what it is called with; None where that is no JSON object.

    `loose` where each argument was written as bare text, so that only its schema tells text from number.
    """

    name: str
    arguments: dict[str, Any] | None
    loose: bool = False


def read_calls(text: str) -> tuple[Call, ...]:
    """The calls in a reply, by the first dialect that it holds any of; what comes before `</think>` is not part of it.

    >>> read_calls('Let me look. <tool_call>{"name": "find", "arguments": {"n": 1}}</tool_call>')
    (Call(name='find', arguments={'n': 1}, loose=False),)
    >>> read_calls("I cannot do that.")
    ()
    """
    reply = text[:MOST_CHARS].rpartition("</think>")[2]
    return next((calls for find in _DIALECTS if (calls := tuple(islice(find(reply), MOST_CALLS)))), ())


def _tagged(text: str) -> Iterator[Call]:
    """Qwen and Hermes: a call between tags, as JSON or as a function with parameters."""
    for found in _TAGGED.finditer(text):
        yield from list(_functions(found[1])) or _first_json(found[1])


def _functions(text: str) -> Iterator[Call]:
    """Llama's custom functions, JSON in a tag that names the function; Qwen's coder writes parameters as tags."""
    for found in _FUNCTION.finditer(text):
        if _PARAMETER.search(found[2]):
            yield Call(found[1], _parameters(found[2]), loose=True)
        else:
            yield Call(found[1], _as_arguments(found[2].strip()))


def _invokes(text: str) -> Iterator[Call]:
    """Anthropic's tags."""
    for found in _INVOKE.finditer(text):
        yield Call(found[1], _parameters(found[2]), loose=True)


def _parameters(text: str) -> dict[str, Any]:
    return {found[1]: found[2].strip("\n") for found in _PARAMETER.finditer(text)}


def _tool_code(text: str) -> Iterator[Call]:
    """Gemini's Python, which is read and never run."""
    for found in _TOOL_CODE.finditer(text):
        yield from _python(found[1].strip())


def _python(code: str) -> Iterator[Call]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code if len(code) <= MOST_CODE else "")
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        named = [(ast.unparse(call.func).removeprefix("default_api."), call) for call in calls]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from (Call(name, _keywords(call)) for name, call in named if name != "print")


def _keywords(call: ast.Call) -> dict[str, Any] | None:
    try:
        if not call.args and all(k.arg for k in call.keywords):
            given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
            return _object(_load(json.dumps(given, allow_nan=False)))
    except (TypeError, ValueError, RecursionError, MemoryError):
        pass
    return None


def _json(text: str) -> Iterator[Call]:
    """JSON in any of the shapes that `_in_value` knows: fenced, else the first in the text that is a call."""
    for source in (*(found[1] for found in islice(_FENCE.finditer(text), MOST_TRIES)), text):
        if calls := _first_json(source):
            yield from calls
            return


def _named(text: str) -> Iterator[Call]:
    """Mistral's newer shape: the name, marks that decoding may have dropped, and the arguments."""
    source = (text.partition("[TOOL_CALLS]")[2] or text).lstrip()
    if found := _NAMED.match(source):
        value = next(_values(source[found.end() :]), None)
        if isinstance(value, dict):
            yield Call(found[1], value)


_DIALECTS: tuple[Callable[[str], Iterator[Call]], ...] = (_tagged, _functions, _invokes, _tool_code, _json, _named)


def _first_json(text: str) -> list[Call]:
    """The calls in the first JSON value of the text that holds any."""
    return next((calls for value in _values(text) if (calls := list(islice(_in_value(value), MOST_CALLS)))), [])


def _in_value(value: Any) -> Iterator[Call]:
    """The calls in a JSON value: bare, in a list, or inside the messages of OpenAI, Anthropic and Gemini."""
    if isinstance(value, list):
        for item in value:
            yield from _in_value(item)
    elif isinstance(value, dict):
        name = value.get("name", value.get("function"))
        key = next((k for k in _ARGUMENTS if k in value), None)
        if isinstance(name, str) and name and (key or set(value) <= {"name", "type", "id"}):
            if not _is_specification(value):
                yield Call(name[:256], _as_arguments(value[key]) if key else {})
        else:
            for wrapper in _WRAPPERS:
                yield from _in_value(value.get(wrapper))


def _is_specification(value: dict[str, Any]) -> bool:
    """Whether this is a tool's own description, said back, and no call of it."""
    inner = value.get("parameters")
    return isinstance(inner, dict) and isinstance(inner.get("properties"), dict) and inner.get("type") == "object"


def _as_arguments(given: Any) -> dict[str, Any] | None:
    """Arguments as they are, or as JSON text; nothing at all is no arguments."""
    return _object((_load(given) if given.strip() else {}) if isinstance(given, str) else given)


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, none inside another or inside one that is broken."""
    at = 0
    for _ in range(MOST_TRIES):
        if not (opening := _OPENING.search(text, at)):
            return
        end = _end(text, opening.start())
        if not end and _KEY.match(text, opening.start()):
            return  # an object that never ends: what is inside it is not a call of its own
        value = _load(text[opening.start() : end]) if end else _UNREADABLE
        at = end or opening.end()
        if value is not _UNREADABLE:
            yield value


def _end(text: str, start: int) -> int:
    """Where the brackets that open at `start` are closed; 0 if never, or deeper than `MOST_DEPTH`."""
    depth = 0
    for mark in _MARK.finditer(text, start):
        if mark[0] in "{[":
            depth += 1
        elif mark[0] in "}]":
            depth -= 1
        if depth == 0:
            return mark.end()
        if depth > MOST_DEPTH:
            return 0
    return 0


def _load(text: str) -> Any:
    """A JSON value, strictly: no NaN, no depth beyond `MOST_DEPTH`. `_UNREADABLE` where it is none."""
    try:
        if _OPENING.match(text.lstrip()) and not _end(text, len(text) - len(text.lstrip())):
            return _UNREADABLE
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
