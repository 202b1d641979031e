"""How prompts become tokens: chat templates, tools, and text that stands before a prompt."""

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from sway.backends.hf.text import Text
from sway.core.errors import RequestError, TooLongError
from sway.core.requests import After, Chat, Generation, Message, NextToken
from sway.core.views import TUNED
from tests.backends.conftest import ask

TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}"
WITH_TOOLS = "{% if tools %}[{{ tools[0].function.name }}]{% endif %}" + TURNS
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TURNS
TOOLS = json.dumps([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}])
ASKED = Chat((Message("user", "Is it raining?"),), tools=TOOLS)


@pytest.fixture
def text_of(llama):
    """What a prompt is written as, under a template (None: the tokenizer has none)."""

    def written(prompt, template=None):
        tokenizer = AutoTokenizer.from_pretrained(llama)
        tokenizer.chat_template = template
        text = Text(tokenizer, 256)
        return text.decode(list(text.prompt(prompt)))

    return written


def test_a_template_that_tells_the_date_is_known_as_one(llama):
    tokenizer = AutoTokenizer.from_pretrained(llama)
    days = []
    for template in (TURNS, '{{ strftime_now("%d %b %Y") }}' + TURNS, None):
        tokenizer.chat_template = template
        days.append(Text(tokenizer, 256).day)
    assert days == ["", date.today().isoformat(), ""]  # noqa: DTZ011  # templates tell the local date


class Dated:
    """A tokenizer whose template tells the date, and for which each prompt is written on another day."""

    chat_template = '{{ strftime_now("%d") }}'
    is_fast, eos_token_id, today = False, None, 0

    def apply_chat_template(self, *_, **__):
        self.today += 1
        return f"{self.today}"

    def __call__(self, text, **_):
        return {"input_ids": [int(text)]}


def test_a_prompt_that_tells_the_date_is_written_anew():
    text = Text(Dated(), 256)
    assert [text.prompt(Chat.ask("x")) for _ in range(2)] == [(1,), (2,)]


def test_a_template_that_takes_tools_is_given_them(text_of):
    assert text_of(ASKED, WITH_TOOLS) == "[weather]<user>Is it raining?<bot>"


def test_a_template_without_tools_is_told_them_in_a_system_message(text_of):
    written = text_of(ASKED, TURNS)
    assert written.startswith("<system>You may call these tools:")
    assert TOOLS in written
    assert written.endswith("<user>Is it raining?<bot>")


def test_a_template_without_tools_or_system_is_told_them_by_the_user(text_of):
    written = text_of(ASKED, NO_SYSTEM)
    assert written.startswith("<user>You may call these tools:")
    assert written.endswith("Is it raining?<bot>")


def test_without_a_template_tools_come_first_and_contents_follow(text_of):
    written = text_of(ASKED)
    assert written.startswith("You may call these tools:")
    assert written.endswith("\nIs it raining?")


def test_a_chat_that_requires_a_template_is_refused_without_one(backend):
    asked = NextToken(TUNED, Chat((Message("user", "Hello"),), required=True))
    assert "no chat template" in backend.refusal(asked)
    assert backend.refusal(NextToken(TUNED, Chat.ask("Hello"))) is None


def test_a_template_that_raises_is_the_question_s_own_failure(text_of):
    with pytest.raises(RequestError, match="refuses the prompt"):
        text_of(Chat.ask("Hello"), "{{ raise_exception('never') }}")


@given(tokens=st.integers(0, 120), context=st.text(st.characters(codec="ascii", categories=["L", "Zs"]), min_size=1))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_has_as_many_tokens_of_context_as_it_says(llama, tokens, context):
    tokenizer = AutoTokenizer.from_pretrained(llama)
    text = Text(tokenizer, 256)
    plain, after = (text.prompt(p) for p in ("END", After(context, tokens, "END")))
    written = text.decode(list(after))
    assert written.endswith("END")
    if tokens == 0:
        assert after == plain
    else:
        before = tokenizer(written.removesuffix("\n\nEND"), add_special_tokens=False)["input_ids"]
        assert len(before) == pytest.approx(tokens, abs=2)


def test_other_text_before_a_chat_stands_in_its_first_turn_of_the_user(text_of):
    ends = Message("user", "END"), Message("assistant", "So."), Message("user", "X")
    chat = Chat((Message("system", "Be brief."), *ends))
    opened = After("words", 3, chat).opened_by("words\n\n")
    assert [m.content for m in opened.messages] == ["Be brief.", "words\n\nEND", "So.", "X"]
    assert text_of(After("word " * 9, 4, Chat.ask("END")), TURNS) == "<user>word w\n\nEND<bot>"
    assert text_of(After("word", 0, Chat.ask("END"))) == text_of(Chat.ask("END"))


def test_a_question_that_is_too_long_is_told_from_other_faults(backend):
    asked = [NextToken(TUNED, "word " * 400), Generation(TUNED, "word " * 40, 250), NextToken(TUNED, "")]
    assert [failure.too_long for failure in ask(backend, *asked)] == [True, True, False]


def test_after_stays_within_what_the_model_reads(text_of):
    with pytest.raises(TooLongError, match="reads at most 256"):
        text_of(After("word " * 400, 300, "END"))
