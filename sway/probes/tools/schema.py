"""Holds arguments against a JSON Schema that nobody vouches for: nothing is fetched, and every check ends.

A schema comes from a spec and arguments from a model, and either may be hostile. Sizes, depths and steps are
bounded, patterns run under a clock, and references lead into the schema itself or nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sway.probes.evidence import clip

Schema = Mapping[str, Any]
MOST_DEPTH = 32
MOST_NODES = 5_000
MOST_VALUES = 2_000
MOST_STEPS = 20_000
MOST_PATTERN = 500
PATTERN_SECONDS = 0.25
_UNSUPPORTED = ("unevaluatedProperties", "unevaluatedItems", "$recursiveRef")
_REFERENCES = ("$ref", "$dynamicRef")
_DECLARATIONS = ("$schema", "$id")


class _TooMuchError(Exception):
    """A check that would take too long."""


def require_schema(schema: Any) -> None:
    """Raise ValueError, with the reason, where `schema` is no JSON Schema (2020-12) that can be checked safely."""
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError

    if not isinstance(schema, dict):
        raise ValueError("parameters must be a JSON Schema, as a mapping")
    nodes = list(_nodes(schema))
    for node in nodes:
        _require_safe(node, schema)
    try:
        Draft202012Validator.check_schema(_bare(schema), format_checker=FormatChecker(()))
    except SchemaError as fault:
        raise ValueError(f"parameters is no JSON Schema: {clip(fault.message)} at {fault.json_path}") from None
    if schema.get("type", "object") != "object":
        raise ValueError("parameters must describe an object")


def fault(schema: Schema, arguments: Mapping[str, Any]) -> str:
    """Why the arguments do not satisfy the schema; empty where they do. What cannot be checked does not."""
    from referencing import Registry

    if _count(arguments) > MOST_VALUES:
        return f"its arguments hold more than {MOST_VALUES} values"
    try:
        checker = _checker()(_bare(schema), registry=Registry())
        error = next(iter(checker.iter_errors(arguments)), None)
    except _TooMuchError as reason:
        return f"its arguments could not be checked: {reason}"
    except Exception as reason:  # noqa: BLE001 - a hostile schema finds ways to fail that are not listed anywhere
        return f"its arguments could not be checked: {type(reason).__name__}"
    return f"{error.json_path.replace('$', 'arguments', 1)}: {clip(error.message)}" if error else ""


def settled(schema: Schema, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Arguments that were written as bare text: kept where the schema asks for a string, else read as JSON."""
    declared = schema.get("properties", {})
    return {name: _settled(declared.get(name, True), text) for name, text in arguments.items()}


def _settled(schema: Any, text: str) -> Any:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "string" or (isinstance(kind, list) and "string" in kind):
        return text
    try:
        return json.loads(text) if len(text) < MOST_VALUES else text
    except (ValueError, RecursionError):
        return text


def _bare(schema: Schema) -> dict[str, Any]:
    """Without the declarations that would have another class of validator, or another base, take over."""
    return {key: value for key, value in schema.items() if key not in _DECLARATIONS}


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the schema, found without recursion."""
    level, seen = [schema], 0
    for _ in range(MOST_DEPTH):
        seen += len(level)
        if seen > MOST_NODES:
            raise ValueError(f"parameters holds more than {MOST_NODES} parts")
        yield from (node for node in level if isinstance(node, dict))
        level = [inner for node in level for inner in _children(node)]
        if not level:
            return
    raise ValueError(f"parameters is nested more than {MOST_DEPTH} deep")


def _children(node: Any) -> list[Any]:
    return [*node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []


def _count(value: Any) -> int:
    stack, count = [value], 0
    while stack and count <= MOST_VALUES:
        count += 1
        stack += _children(stack.pop())
    return count


def _require_safe(node: dict[str, Any], root: dict[str, Any]) -> None:
    for key in _UNSUPPORTED:
        if key in node:
            raise ValueError(f"{key} is not supported")
    for key in _DECLARATIONS:
        if node is not root and isinstance(node.get(key), str):
            raise ValueError(f"{key} may stand at the top of parameters only")
    for key in _REFERENCES:
        if isinstance(reference := node.get(key), str):
            _require_local(reference, root)
    inner = node.get("patternProperties")
    own = node.get("pattern")
    for pattern in (*(inner if isinstance(inner, dict) else ()), *([own] if isinstance(own, str) else ())):
        _require_pattern(pattern)


def _require_local(reference: str, root: dict[str, Any]) -> None:
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    if not reference.startswith("#"):
        raise ValueError(f"$ref {clip(reference, 80)!r} leads out of the schema, and nothing is fetched")
    resource = DRAFT202012.create_resource(_bare(root))
    try:
        Registry().with_resource("", resource).resolver("").lookup(reference)
    except Exception:  # noqa: BLE001 - a pointer into the wrong kind of value fails in several ways
        raise ValueError(f"$ref {clip(reference, 80)!r} leads nowhere") from None


def _require_pattern(pattern: str) -> None:
    import regex

    if len(pattern) > MOST_PATTERN:
        raise ValueError(f"a pattern is longer than {MOST_PATTERN} characters")
    try:
        regex.compile(pattern)
    except (regex.error, ValueError, RecursionError, OverflowError):
        raise ValueError(f"{clip(pattern, 80)!r} is no regular expression") from None


def _checker() -> Any:
    """A validator class for one check: it counts its steps, and runs patterns under a clock."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    left = iter(range(MOST_STEPS))
    own: dict[str, Rule] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    rules: dict[str, Any] = {**Draft202012Validator.VALIDATORS, **own}
    counted = {name: _counted(rule, left) for name, rule in rules.items()}
    return extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]


Rule = Callable[[Any, Any, Any, Any], Any]


def _counted(rule: Rule, left: Iterator[int]) -> Rule:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if next(left, None) is None:
            raise _TooMuchError(f"it takes more than {MOST_STEPS} steps")
        return rule(validator, value, instance, schema)

    return check


def _matches(pattern: str, text: str) -> bool:
    import regex

    try:
        return regex.search(pattern, text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        raise _TooMuchError(f"the pattern {clip(pattern, 80)!r} takes too long") from None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    del validator, schema
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Schema, instance: Any, schema: Any) -> Iterator[Any]:
    del schema
    for pattern, inner in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name in known or any(_matches(p, name) for p in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"{name!r} is no parameter of it")
        yield from validator.descend(value, allowed, path=name) if isinstance(allowed, dict) else ()
