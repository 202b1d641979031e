import json

import pytest

from sway.core.requests import Generated
from sway.probes.tools.spec import as_offered, attempt, read_tools

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
SEARCH = {"name": "search", "description": "Searches.", "parameters": SCHEMA}


def tried(text, *allowed, finished=True):
    return attempt(Generated(text, 9, finished), read_tools(SEARCH), allowed)


@pytest.mark.parametrize("given", [SEARCH, {"type": "function", "function": SEARCH}, [SEARCH]])
def test_the_shapes_of_a_tool(given):
    assert read_tools(given) == {"search": SEARCH}
    assert json.loads(as_offered(read_tools(given))) == [{"type": "function", "function": SEARCH}]


def test_several_tools_and_one_without_parameters():
    tools = read_tools([SEARCH, {"type": "function", "function": {"name": "now"}}])
    assert list(tools) == ["search", "now"]
    assert tools["now"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ([], "from 1 to"),
        ([SEARCH] * 2, "names a tool twice"),
        ({}, "needs a name"),
        ({"name": ""}, "needs a name"),
        ({"name": "a\nb"}, "needs a name"),
        (["search"], "needs a name"),
        ({"type": "retrieval", "function": SEARCH}, "must have the keys"),
        ({"type": "function", "function": SEARCH, "name": "x"}, "must have the keys"),
        ({"type": "function", "function": "search"}, "needs a name"),
        ({"name": "a", "input_schema": SCHEMA}, "'input_schema': its schema goes under parameters"),
        ({"name": "a", "parameters": {"type": 3}}, "is no JSON Schema"),
        ({"name": "a", "parameters": None}, "must be a JSON Schema"),
        ({"name": "a", "parameters": {"const": float("nan")}}, "must be JSON"),
    ],
)
def test_what_is_no_tool_is_refused(given, what):
    with pytest.raises(ValueError, match=what):
        read_tools(given)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"name": "search", "arguments": {"q": "x"}}', ""),
        ('<invoke name="search"><parameter name="q">3</parameter></invoke>', ""),
        ('{"name": "search", "arguments": {"q": 3}}', "arguments.q: 3 is not of type 'string'"),
        ('{"name": "search", "arguments": "x"}', "its arguments are not a JSON object"),
        ('{"name": "find", "arguments": {"q": "x"}}', "calls 'find', which was not offered"),
        ("no", "holds no call that can be read"),
        ('[{"name": "search", "arguments": {"q": "x"}}, {"name": "find"}]', "calls 'find', which was not offered"),
    ],
)
def test_why_a_reply_is_not_valid(text, why):
    found = tried(text)
    assert found.why == why
    assert found.valid == (not why)
    assert found.hallucinated == ("find" in text)


def test_a_reply_that_was_cut_says_so():
    assert tried("no", finished=False).why == "holds no call that can be read, and was cut at 9 tokens"


def test_an_allowed_tool_is_valid_with_any_arguments():
    assert tried('{"name": "find", "arguments": {"z": 1}}', "find").valid
    assert not tried('{"name": "find", "arguments": "z"}', "find").valid
