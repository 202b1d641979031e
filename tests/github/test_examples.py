"""The comments in docs/comments are what their reports give, and tell a reviewer what a reviewer asks first."""

import re

import pytest

from tests.github.examples import ADAPTERS, PAGES, comment, pages

NAMES = [name for name in ADAPTERS if name != "main"]


def test_the_kept_comments_are_up_to_date():
    stale = [path.name for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run: python -m tests.github.examples"
    assert {p.name for p in PAGES.iterdir()} == {path.name for path in pages()}


@pytest.mark.parametrize("name", NAMES)
def test_the_first_lines_are_the_verdict_and_the_reason(name):
    head = comment(name).split("\n")[2:6]
    assert re.match(f"## . ?sway: {'FAIL' if name == 'regression' else name.upper()}", head[0].replace("\ufe0f", ""))
    assert head[2].startswith("**")
    assert ("worse than" in head[0]) == (name in ("fail", "regression"))


@pytest.mark.parametrize("name", ["fail", "regression", "warn"])
def test_every_probe_that_does_not_hold_has_something_to_do(name):
    text = comment(name)
    todo = text[text.index("What to do next") : text.index("measured [95% interval]")]
    rows = re.findall(r"^\| [❌⚠️]+ (?:fail|warn) \| (<code>\w+</code>)", text, re.MULTILINE)
    assert rows
    assert all(row in todo for row in rows)


def test_a_pass_is_short_to_read():
    text = comment("pass")
    assert "What to do next" not in text
    assert len(text[: text.index("<details>")].splitlines()) < 30


@pytest.mark.parametrize("name", ["pass", "fail", "regression", "warn"])
def test_curves_are_drawn_with_their_numbers_beside(name):
    text = comment(name)
    assert text.count("```mermaid") == text.count("xychart-beta") >= 1
    for drawn in re.findall(r"line \[(.*?)\]\n```\n\n((?:\|.*\n)+)", text):
        assert len(drawn[0].split(", ")) == len(drawn[1].splitlines()) - 2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_this_machine_is_in_them(name):
    assert "/tmp" not in comment(name)
    assert "/home" not in comment(name)
