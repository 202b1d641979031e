import socket
import time

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.probes.tools.schema import MOST_DEPTH, MOST_NODES, MOST_VALUES, fault, require_schema, settled

CITY = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"city": {"type": "string", "pattern": "^[A-Z]", "enum": ["Oslo", "Rome", "bern"]}},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a schema made a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)


def test_arguments_are_held_against_the_schema():
    require_schema(CITY)
    assert fault(CITY, {"city": "Oslo", "days": 2}) == ""
    assert fault(CITY, {}) == "arguments: 'city' is a required property"
    assert fault(CITY, {"city": "Oslo", "days": 0}).startswith("arguments.days: 0 is less than")
    assert fault(CITY, {"city": "bern"}) == "arguments.city: 'bern' does not match '^[A-Z]'"
    assert fault(CITY, {"city": "Oslo", "x": 1}) == "arguments: 'x' is no parameter of it"


NAMES = st.sampled_from(["a", "b", "aa", "x1"])
LEAF = st.sampled_from([{"type": "integer"}, {"type": "string", "pattern": "^a"}, {"minimum": 1}, True, False, {}])
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(NAMES, LEAF, max_size=3),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", r"\d"]), LEAF, max_size=2),
        "additionalProperties": LEAF,
        "propertyNames": LEAF,
        "anyOf": st.lists(st.fixed_dictionaries({"required": st.lists(NAMES, max_size=2, unique=True)}), min_size=1),
    },
)
VALUES = st.dictionaries(NAMES, st.integers(-2, 2) | st.sampled_from(["a", "b"]) | st.lists(st.integers(), max_size=2))


@given(SCHEMAS, VALUES)
@settings(deadline=None, max_examples=150)
def test_our_rules_agree_with_the_library_s(schema, value):
    require_schema(schema)
    assert (fault(schema, value) == "") == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        (3, "must be a JSON Schema"),
        ({"type": "objekt"}, "is no JSON Schema"),
        ({"type": "array"}, "must describe an object"),
        ({"properties": {"a": {"minimum": "1"}}}, r"is no JSON Schema.*minimum"),
        ({"properties": {"a": {"$ref": "http://x.test/schema"}}}, "leads out of the schema"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "leads out of the schema"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "leads out of the schema"),
        ({"$dynamicRef": "http://x.test/"}, "leads out of the schema"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"properties": {"a": {"pattern": "("}}}, "is no regular expression"),
        ({"patternProperties": {"(": {}}}, "is no regular expression"),
        ({"properties": {"a": {"pattern": "a" * 501}}}, "longer than"),
        ({"unevaluatedProperties": False}, "is not supported"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "at the top"),
        ({"properties": {"a": {"$id": "http://x.test/"}}}, "at the top"),
        ({"enum": list(range(MOST_NODES + 1))}, "more than"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema, what):
    with pytest.raises(ValueError, match=what):
        require_schema(schema)


def nested(depth):
    schema = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


def test_depth_is_bounded():
    require_schema(nested(MOST_DEPTH - 1))
    with pytest.raises(ValueError, match="nested more than"):
        require_schema(nested(50_000))


def doubling(levels):
    """A schema of a few lines that takes 2 ** levels steps."""
    defs = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    return {"allOf": [{"$ref": "#/$defs/d0"}], "$defs": {**defs, f"d{levels}": {"type": "object"}}}


BOMBS = {
    "a loop": {"allOf": [{"$ref": "#"}]},
    "a loop of references": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "doubling": doubling(40),
    "a pattern": {"properties": {"a": {"pattern": r"^(\w+\s?)*$"}}},
    "a pattern of alternatives": {"properties": {"a": {"pattern": r"^(a|a|aa)+\1?$"}}},
    "a pattern for names": {"patternProperties": {r"^(\w+\s?)*$": {}}, "additionalProperties": False},
}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_a_check_that_would_not_end_ends_as_a_fault(schema):
    require_schema(schema)
    text = "a" * 60 + "!"
    start = time.process_time()
    found = fault(schema, {"a": text, text: 1})
    assert time.process_time() - start < 10
    assert found


def test_a_wrong_draft_s_declaration_changes_nothing():
    schema = {"$schema": "http://json-schema.org/draft-03/schema#", "$id": "http://x.test/", **CITY}
    require_schema(schema)
    assert fault(schema, {"city": "bern"})


def test_too_many_values_are_not_checked():
    assert "more than" in fault({}, {"a": list(range(MOST_VALUES))})
    assert fault({"properties": {"a": {"multipleOf": 0.1}}}, {"a": 10**400}) != ""


def test_bare_text_becomes_what_the_schema_asks_for():
    schema = {"properties": {"zip": {"type": "string"}, "n": {"type": "integer"}, "m": {"type": ["null", "string"]}}}
    given = {"zip": "123", "n": "123", "m": "1", "list": "[1, 2]", "word": "Oslo", "deep": "[" * 1500}
    assert settled(schema, given) == {
        "zip": "123", "n": 123, "m": "1", "list": [1, 2], "word": "Oslo", "deep": "[" * 1500,
    }  # fmt: skip
