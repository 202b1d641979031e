"""A tool as a spec gives it, and a reply held against the tools that were offered."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sway.core.requests import Generated
from sway.probes.evidence import clip
from sway.probes.tools.dialects import Call, read_calls
from sway.probes.tools.schema import Schema, fault, require_schema, settled

MOST_TOOLS = 128
_KEYS = {"name", "description", "parameters", "strict"}


def read_tools(given: Any) -> dict[str, dict[str, Any]]:
    """Function objects by name, from OpenAI's shape, the bare function object, or a list of either.

    Raises ValueError, with the reason, where one is no function with a schema that can be checked.
    """
    listed = given if isinstance(given, list) else [given]
    if not 0 < len(listed) <= MOST_TOOLS:
        raise ValueError(f"must hold from 1 to {MOST_TOOLS} tools")
    try:
        json.dumps(listed, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must be JSON") from None
    functions = [_function(tool) for tool in listed]
    if len({f["name"] for f in functions}) < len(functions):
        raise ValueError("names a tool twice")
    return {f["name"]: f for f in functions}


def _function(tool: Any) -> dict[str, Any]:
    wrapped = isinstance(tool, dict) and "function" in tool
    function = tool["function"] if wrapped else tool
    if wrapped and (set(tool) > {"type", "function"} or tool.get("type", "function") != "function"):
        raise ValueError('must have the keys type: "function" and function, and no others')
    name = function.get("name") if isinstance(function, dict) else None
    if not (isinstance(name, str) and 0 < len(name) <= 256 and name.isprintable()):
        raise ValueError("a tool needs a name")
    if unknown := sorted(map(str, set(function) - _KEYS)):
        raise ValueError(f"a tool has the unknown key {clip(unknown[0], 40)!r}: its schema goes under parameters")
    _require(json.dumps(function.get("parameters", {})))
    return {"parameters": {"type": "object", "properties": {}}, **function}


@lru_cache(maxsize=512)
def _require(schema: str) -> None:
    """`require_schema` of a JSON text: a tool that many cases offer is looked at once."""
    require_schema(json.loads(schema))


def as_offered(functions: Mapping[str, dict[str, Any]]) -> str:
    """The tools as a chat template takes them: the JSON text of a list in OpenAI's shape."""
    return json.dumps([{"type": "function", "function": f} for f in functions.values()])


@dataclass(frozen=True)
class Attempt:
    """A reply's calls, how many name a tool that was neither offered nor allowed, and why it is not valid."""

    reply: str
    calls: tuple[Call, ...]
    hallucinated: int
    why: str

    @property
    def valid(self) -> bool:
        """Whether there is a call, and nothing is wrong with any."""
        return not self.why


def attempt(reply: Generated, functions: Mapping[str, dict[str, Any]], allowed: Collection[str]) -> Attempt:
    """Read a reply and hold each call against its tool."""
    schemas: dict[str, Schema] = {name: f["parameters"] for name, f in functions.items()}
    calls = tuple(_typed(call, schemas.get(call.name, {})) for call in read_calls(reply.text))
    strange = [call.name for call in calls if call.name not in schemas and call.name not in allowed]
    why = next((w for call in calls if (w := _why(call, schemas))), "")
    if strange:
        why = f"calls {clip(strange[0], 60)!r}, which was not offered"
    elif not calls:
        why = "holds no call that can be read" + ("" if reply.finished else f", and was cut at {reply.tokens} tokens")
    return Attempt(reply.text, calls, len(strange), why)


def _typed(call: Call, schema: Schema) -> Call:
    return Call(call.name, settled(schema, call.arguments)) if call.loose and call.arguments is not None else call


def _why(call: Call, schemas: Mapping[str, Schema]) -> str:
    if call.arguments is None:
        return "its arguments are not a JSON object"
    return fault(schemas.get(call.name, {}), call.arguments)
