"""Validates a part of a file against a model, and says what is wrong in the words of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sway.suite.problems import NodePath, Problems, nearest

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], data: Any, at: NodePath, problems: Problems, *, also: Iterable[str] = ()) -> M | None:
    """The model, with every fault noted in `problems`. Types are strict: a quoted number is text.

    Where there are faults, what is returned is the model without the faulty keys, or None if it
    needs them: enough to go on looking for faults elsewhere, never to be used. `also` names keys that
    may stand beside the model's own, for the advice on an unknown one.
    """
    try:
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as fault:
        errors = [error for error in fault.errors(include_url=False) if not _is_echo(error)]
    paths = [_in_data(data, error) for error in errors]
    for error, path in zip(errors, paths, strict=True):
        known = also if len(error["loc"]) == 1 else ()
        _note(error, path, at, problems, [*_fields(model, error["loc"][:-1]), *known])
    try:
        return model.model_validate_json(json.dumps(_without(data, paths)), strict=True)
    except ValidationError:
        return None


def _is_echo(error: ErrorDetails) -> bool:
    """Whether a list is called too short only because its items have faults, which are errors of their own."""
    return error["type"] == "too_short" and len(error["input"]) >= error.get("ctx", {})["min_length"]


def _without(data: Any, paths: list[NodePath]) -> Any:
    """A copy of the data without the keys at `paths`."""
    data = json.loads(json.dumps(data))
    for path in paths:
        inner = data
        for step in path[:-1]:
            inner = inner[step] if _has(inner, step) else None
        if isinstance(inner, dict) and path:
            inner.pop(path[-1], None)
    return data


def _note(error: ErrorDetails, path: NodePath, at: NodePath, problems: Problems, known: list[str]) -> None:
    full = (*at, *path)
    if problems.covers(full):
        return
    if error["type"] == "extra_forbidden":
        problems.add("unknown key", full, mend=nearest(str(path[-1]), known))
        return
    what, mend = _say(error)
    problems.add(what, full, mend=mend)


def _in_data(data: Any, error: ErrorDetails) -> NodePath:
    """The error's place without the steps that name no key of the data, such as a union's members."""
    path: list[str | int] = []
    for step in error["loc"]:
        if _has(data, step):
            data = data[step]
        elif not (error["type"] == "missing" and step == error["loc"][-1]):
            break
        path.append(step)
    return tuple(path)


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data


def _fields(model: type[BaseModel], path: NodePath) -> list[str]:
    """The keys that the mapping at `path` may have."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            inner = _model_in(model.model_fields[step].annotation)
            if inner is None:
                return []
            model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


def _allowed(error: ErrorDetails) -> list[str]:
    """The values that an enumeration takes, from pydantic's "'a', 'b' or 'c'"."""
    expected = str(error.get("ctx", {}).get("expected", ""))
    return [word.strip(" '") for word in expected.replace(" or ", ",").split(",") if word.strip(" '")]


def _say(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind in ("literal_error", "enum"):
        allowed = _allowed(error)
        shown = f"{value!r}"[:80]
        return f"{shown} is not one of {', '.join(allowed)}", _near(value, allowed)
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {_name(value)}", _unquote(kind, value)
    if kind in _LIMITS:
        return _LIMITS[kind](context), ""
    if kind == "value_error":
        return str(context.get("error", error["msg"])), ""
    return error["msg"], ""


def _near(value: Any, allowed: list[str]) -> str:
    mend = nearest(value, allowed) if isinstance(value, str) else ""
    return mend if mend.startswith("did you") else ""


def _unquote(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        return "put it in quotes"
    if kind in ("int_type", "float_type", "bool_type") and isinstance(value, str):
        return "remove the quotes" if _TYPES[kind] != "true or false" else "write true or false, without quotes"
    return ""


def _name(value: Any) -> str:
    for kinds, name in _NAMES:
        if isinstance(value, kinds):
            return name
    return type(value).__name__


_NAMES: tuple[tuple[Any, str], ...] = (
    (type(None), "empty"),
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (list, "a list"),
    (dict, "a mapping"),
)

_TYPES: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "path_type": "text",
}


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


_LIMITS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "greater_than": lambda c: f"must be greater than {c['gt']:g}",
    "greater_than_equal": lambda c: f"must be at least {c['ge']:g}",
    "less_than": lambda c: f"must be less than {c['lt']:g}",
    "less_than_equal": lambda c: f"must be at most {c['le']:g}",
    "too_short": lambda c: f"at least {_items(c['min_length'])} needed",
    "too_long": lambda c: f"at most {_items(c['max_length'])} allowed",
    "string_too_short": lambda c: "must not be empty" if c["min_length"] == 1 else f"shorter than {c['min_length']}",
    "string_too_long": lambda c: f"longer than {c['max_length']} characters",
    "finite_number": lambda _: "must be a finite number",
}
