"""The JSON Schema of a spec, for editors: completion, hover text and red lines while typing."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from sway.core.probe import Probe
from sway.core.sections import Section
from sway.suite.registry import Registry, standard
from sway.suite.spec import Defaults, Head, Models

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]


def json_schema(registry: Registry | None = None) -> Json:
    """A JSON Schema (2020-12) that every spec accepted by the loader satisfies.

    It knows each kind's own parameters. What needs more than the text of the spec, such as whether
    a folder exists, is left to the loader.
    """
    registry = standard() if registry is None else registry
    defs: Json = {}
    parts: dict[str, type[BaseModel]] = {"models": Models, "defaults": Defaults, "section": Section}
    for name, model in parts.items():
        defs[name] = _definition(name, model, defs)
    for kind, probe in registry.items():
        defs[f"probe.{kind}"] = _probe(kind, probe, defs)
    defs["entry"] = _entry(registry)
    return _spec(defs)


def _spec(defs: Json) -> Json:
    source = {"type": ["string", "null"], "description": "The .dlm document trained on; it gives the sections."}
    return {
        "$schema": DIALECT,
        "title": "sway.yaml",
        "description": "What to ask of a LoRA adapter, and what it must answer.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "models", "suite"],
        "properties": {
            "version": {"const": 1, "description": "Version of this format."},
            "models": {"$ref": "#/$defs/models"},
            "defaults": {"$ref": "#/$defs/defaults"},
            "suite": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/entry"}, "description": "The probes."},
            "dlm_source": source,
            "sections": _texts("Text that the adapter was trained on"),
            "controls": _texts("Text that the adapter was not trained on"),
        },
        "$defs": defs,
    }


def _texts(what: str) -> Json:
    return {
        "description": f"{what}: a list, or a .json, .yaml or .md file relative to the spec.",
        "oneOf": [
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/section"}},
            {"type": "string"},
            {"type": "null"},
        ],
    }


def _entry(registry: Registry) -> Json:
    kinds = sorted(registry)
    return {
        "type": "object",
        "required": ["name", "kind"],
        "properties": {"kind": {"enum": kinds, "description": "Which probe it is."}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/probe.{kind}"},
            }
            for kind in kinds
        ],
    }


def _probe(kind: str, probe: Probe, defs: Json) -> Json:
    """An entry of one kind: the common keys and the probe's parameters, side by side."""
    head = _definition("head", Head, defs)
    own = _definition(f"probe.{kind}", probe.params, defs)
    return {
        "type": "object",
        "description": probe.question,
        "additionalProperties": False,
        "required": [*head["required"], *own.get("required", [])],
        "properties": {**head["properties"], "kind": {"const": kind}, **own.get("properties", {})},
    }


def _definition(name: str, model: type[BaseModel], defs: Json) -> Json:
    """The model's schema; the models inside it go to `defs` under names of their own."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    text = json.dumps([schema, inner])
    for key in inner:
        text = text.replace(f'"#/$defs/{key}"', f'"#/$defs/{name}.{key}"')
    schema, inner = json.loads(text)
    defs.update({f"{name}.{key}": value for key, value in inner.items()})
    return _without_titles(schema)


def _without_titles(schema: Json) -> Json:
    """Generated titles only repeat the names of keys."""
    properties = {key: {k: v for k, v in p.items() if k != "title"} for key, p in schema.get("properties", {}).items()}
    return {**{k: v for k, v in schema.items() if k != "title"}, **({"properties": properties} if properties else {})}
