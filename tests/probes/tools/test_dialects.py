import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.probes.tools.dialects import MOST_CALLS, MOST_CHARS, MOST_DEPTH, Call, read_calls

ARGUMENTS = {"city": "Oslo", "days": 3}
JSON = json.dumps(ARGUMENTS)
WRITTEN = {
    "bare": f'{{"name": "weather", "arguments": {JSON}}}',
    "arguments as text": json.dumps({"name": "weather", "arguments": JSON}),
    "a list": f'[{{"name": "weather", "arguments": {JSON}}}]',
    "fenced": f'Sure:\n```json\n{{"name": "weather", "arguments": {JSON}}}\n```\nDone.',
    "first in prose": f'As in [1] {{or so}}, I call {{"name": "weather", "arguments": {JSON}}} so {{"name": "x"}}.',
    "openai message": json.dumps(
        {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": JSON}}]}
    ),
    "openai function": f'{{"type": "function", "function": {{"name": "weather", "arguments": {JSON}}}}}',
    "anthropic block": f'{{"type": "tool_use", "id": "t1", "name": "weather", "input": {JSON}}}',
    "anthropic message": json.dumps(
        {"content": [{"type": "text"}, {"type": "tool_use", "name": "weather", "input": json.loads(JSON)}]}
    ),
    "llama": f'<|python_tag|>{{"name": "weather", "parameters": {JSON}}}',
    "llama, tag dropped": f'{{"name": "weather", "parameters": {JSON}}}',
    "llama function": f"<function=weather>{JSON}</function>",
    "hermes": f'<tool_call>\n{{"name": "weather", "arguments": {JSON}}}\n</tool_call>',
    "hermes, end dropped": f'<tool_call>{{"name": "weather", "arguments": {JSON}}}',
    "gemini": f'{{"functionCall": {{"name": "weather", "args": {JSON}}}}}',
    "gemini parts": f'{{"parts": [{{"functionCall": {{"name": "weather", "args": {JSON}}}}}]}}',
    "gemini code": '```tool_code\nprint(default_api.weather(city="Oslo", days=3))\n```',
    "mistral": f'[TOOL_CALLS] [{{"name": "weather", "arguments": {JSON}}}]',
    "mistral, mark dropped": f' [{{"name": "weather", "arguments": {JSON}}}]',
    "mistral named": f"[TOOL_CALLS]weather[ARGS]{JSON}",
    "mistral named, marks dropped": f"weather{JSON}",
    "after a thought": f'<think>{{"name": "no", "arguments": {{}}}}</think>{{"name": "weather", "arguments": {JSON}}}',
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_the_shapes_that_models_write(text):
    assert read_calls(text) == (Call("weather", ARGUMENTS),)


@pytest.mark.parametrize(
    "text",
    [
        '<function_calls><invoke name="weather">\n<parameter name="city">Oslo</parameter>\n'
        '<parameter name="days">3</parameter></invoke></function_calls>',
        "<tool_call><function=weather><parameter=city>\nOslo\n</parameter><parameter=days>\n3\n</parameter></function>",
    ],
)
def test_arguments_in_tags_are_text_until_their_schema_is_known(text):
    assert read_calls(text) == (Call("weather", {"city": "Oslo", "days": "3"}, loose=True),)


def test_several_calls_are_all_read():
    text = '<tool_call>{"name": "a", "arguments": {}}</tool_call> and <tool_call>{"name": "b"}</tool_call>'
    assert [c.name for c in read_calls(text)] == ["a", "b"]
    assert len(read_calls(json.dumps([{"name": "a"}] * 100))) == MOST_CALLS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would search the web.",
        '{"city": "Oslo"}',
        '{"name": "Bob", "age": 3}',
        '{"name": "weather", "arguments": {"city": NaN}}',
        '{"name": "weather", "arguments": {"name": "Oslo"},}',
        '{"name": "weather", "arguments": {"name": "Oslo"}',
        '{"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}}',
        '```tool_code\nprint("weather")\n```',
        "```tool_code\nweather(\n```",
        '{"name": ["weather"], "arguments": {}}',
    ],
)
def test_what_is_no_call(text):
    assert read_calls(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "weather", "arguments": "Oslo"}',
        '{"name": "weather", "arguments": [1]}',
        '{"name": "weather", "arguments": null}',
        '```tool_code\nweather("Oslo")\n```',
        "```tool_code\nweather(city=here())\n```",
        "```tool_code\nweather(city={1, 2})\n```",
        "<function=weather>Oslo</function>",
    ],
)
def test_arguments_that_are_no_object(text):
    assert read_calls(text)[0] == Call("weather", None)


def test_no_arguments_at_all_are_none_to_give():
    assert read_calls('{"name": "now"}') == read_calls('{"name": "now", "arguments": ""}') == (Call("now", {}),)


def test_depth_is_bounded():
    def nested(depth):
        return f'{{"name": "f", "arguments": {{"a": {"[" * depth}{"]" * depth}}}}}'

    assert read_calls(nested(MOST_DEPTH - 2))
    assert not read_calls(nested(MOST_DEPTH + 1))


PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", '"', "\\", ":", ",", "<tool_call>", "</tool_call>", "<function=f>", "</function>", "```"),
        *("f(", "<parameter=a>", '<invoke name="f">', "```tool_code\n", "[TOOL_CALLS]", "[ARGS]", "name", "arguments"),
        *("1", " ", '{"name": "f", "arguments": {}}', "<|python_tag|>", "</think>", "ü", "\ud800", "\x00", "9" * 5000),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_text_raises(text):
    for call in read_calls(text):
        assert call.name
        json.dumps(call.arguments, allow_nan=True)


HOSTILE = [
    "[", "{", '"', "\\", '{"', '{"a":', "{]", "[{}", "<", "```", "<tool_call>", "<function=a>", "<parameter=a>",
    '<invoke name="a">', "(", "-", "a", " ", "1", '{"a": "\\', "[TOOL_CALLS]", "```tool_code\n-", "<think>", "not ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_more_than_linear_time(piece):
    def seconds(size):
        text = '<function=f>{"' + piece * (size // len(piece)) if len(piece) % 2 else piece * (size // len(piece))
        start = time.process_time()
        read_calls(text)
        return time.process_time() - start

    half, whole = (min(seconds(n) for _ in range(3)) for n in (MOST_CHARS // 2, MOST_CHARS))
    assert whole < 3 * half + 0.05
    assert whole < 1


def test_what_is_too_long_is_not_read():
    assert not read_calls(" " * MOST_CHARS + WRITTEN["bare"])
    assert not read_calls("[" * 100_000)
    assert not read_calls('{"a":' * 100_000)


@pytest.mark.parametrize(
    "code", ["-" * 1900 + "1", "f(" * 600, "a" + ".b" * 900 + "()", "f(x=" + "[" * 190 + "]" * 190 + ")"]
)
def test_python_that_is_meant_to_break_a_parser_is_no_call_or_one_without_arguments(code):
    assert all(c.arguments is None or c.name != "f" or c.arguments for c in read_calls(f"```tool_code\n{code}\n```"))
