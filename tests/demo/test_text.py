from __future__ import annotations

import sys
from random import Random

import pytest

from sway.core.errors import SwayError
from sway.core.sections import SectionKind
from sway.demo import text


def test_the_document_has_prose_long_enough_to_recite_and_questions():
    sections = text.read_sections(text.document())
    prose = [s for s in sections if s.kind is SectionKind.PROSE]
    assert len({s.id for s in sections}) == len(sections) >= 10
    assert all(len(s.content) >= 128 + 256 for s in prose)
    assert sum(len(s.probes) for s in sections) >= 10


def test_the_base_reads_nothing_of_the_document():
    names = ("Veldrake", "Tansel", "Ombry", "Tamsin", "marrowgas")
    read = "\n".join([*text.manual(), *text.prose(), *text.stories(0, 400)])
    assert not [name for name in names if name.lower() in read.lower()]


def test_held_out_topics_are_not_read():
    assert len(text.held_out_manual()) > 3
    assert not set(text.held_out_manual()) & set(text.manual())


def test_a_python_without_its_manual_is_told_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    text._topics.cache_clear()
    with pytest.raises(SwayError) as caught:
        text.manual()
    text._topics.cache_clear()
    assert "pydoc_data" in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize("make", [text.stories, text.exchanges])
def test_composed_text_follows_its_seed(make):
    assert list(make(3, 20)) == list(make(3, 20))
    assert list(make(3, 20)) != list(make(4, 20))


def test_no_slot_is_left_unfilled():
    composed = [*text.stories(0, 300), *(m.content for c in text.exchanges(0, 500) for m in c.messages)]
    assert not [t for t in composed if "{" in t or "}" in t or "|" in t]


def test_an_exchange_is_a_question_and_its_answer():
    rng = Random(0)
    assert {tuple(m.role for m in text.exchange(rng).messages) for _ in range(20)} == {("user", "assistant")}


def test_openings_are_the_first_words_of_each_passage():
    sections = text.read_sections(text.document())
    prompts = text.openings(sections, words=[4, 9])
    prose = [s.content for s in sections if s.kind is SectionKind.PROSE]
    assert len(prompts) == 2 * len(prose)
    assert all(any(p.startswith(prompt) for p in prose) for prompt in prompts)
    assert {len(prompt.split()) for prompt in prompts} == {4, 9}
