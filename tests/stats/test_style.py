import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.style import (
    LONGEST,
    count_words,
    dimensions,
    distance,
    fingerprint,
    pieces,
    shifts,
    style_of,
    whole_sentences,
)

WORDS = st.lists(
    st.sampled_from(["the", "mill", "turns", "slowly", "don't", "Rivers", "12", "it."]), min_size=1, max_size=80
)
MATRIX = st.lists(st.tuples(*[st.floats(-5, 5)] * 3), min_size=2, max_size=12)


def measured(text, extended=False):
    shown = dimensions(extended)
    return {d.name: float(x) * d.scale for d, x in zip(shown, fingerprint(text, extended), strict=True)}


def test_the_plain_numbers_are_what_they_say():
    found = measured("The cat sat on a mat. Well-known dogs don't run!")
    assert math.exp(found["log_words_a_sentence"]) == pytest.approx(5)
    assert found["sentence_variation"] == pytest.approx(0.2)
    assert math.exp(found["log_word_length"]) == pytest.approx(37 / 10)
    assert found["lexical_variety"] == 1
    assert found["punctuation_a_word"] == pytest.approx(2 / 10)
    assert found["function_words"] == pytest.approx(3 / 10)


def test_spacy_s_tokenizer_tells_contractions_numerals_and_capitals():
    found = measured("I don't know 12 of Anna's three friends. We'll ask Paris.", extended=True)
    assert len(found) == 9
    assert found["contractions"] == pytest.approx(2 / 12, abs=0.03)
    assert found["numerals"] == pytest.approx(2 / 12, abs=0.03)
    assert found["capitals"] == pytest.approx(2 / 12, abs=0.03)


@given(WORDS, st.integers(1, 4))
def test_repeating_sentences_changes_neither_their_length_nor_the_rates(words, times):
    text = " ".join(words) + ". "
    once, more = fingerprint(text), fingerprint(text * times)
    assert (once is None) == (more is None) == (not any(w != "12" for w in words))
    if once is not None:
        assert more[[0, 2, 4, 5]] == pytest.approx(once[[0, 2, 4, 5]])


@given(st.text())
def test_any_text_has_a_finite_fingerprint_or_none(text):
    found = fingerprint(text)
    assert (found is None) == (count_words(text) == 0)
    assert found is None or np.isfinite(found).all()


@given(st.text(max_size=60))
def test_any_text_has_a_finite_extended_fingerprint_or_none(text):
    found = fingerprint(text, extended=True)
    assert found is None or (len(found) == 9 and np.isfinite(found).all())


def test_a_huge_text_is_read_in_part():
    assert fingerprint("word " * LONGEST) == pytest.approx(fingerprint("word " * (LONGEST // 5)))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(5, 80))
def test_pieces_keep_every_word_and_leave_no_short_rest(sentences, words):
    text = " ".join("word " * (n - 1) + "end." for n in sentences)
    found = pieces(text, words)
    assert " ".join(" ".join(found).split()) == " ".join(text.split())
    assert all(count_words(piece) >= words / 2 for piece in found) or len(found) == 1


def test_a_document_s_style_does_not_depend_on_its_length():
    sentences = ["The mill turns slowly by the river.", "A boat drifts past the old bridge at noon.", "Nobody speaks."]
    text = " ".join(sentences * 40)
    assert style_of(text) == pytest.approx(style_of(text * 2), abs=0.1)
    with pytest.raises(ValueError, match="no word"):
        style_of("12 34")


@pytest.mark.parametrize(
    ("text", "whole"),
    [("One. Two", "One."), ("One. Two.", "One."), ("One", "One"), ("", ""), ('He said "go!" Then', 'He said "go!"')],
)
def test_a_sentence_cut_short_is_left_out(text, whole):
    assert whole_sentences(text) == whole


@given(MATRIX, st.tuples(*[st.floats(-5, 5)] * 3), st.floats(-2, 2))
def test_a_shift_by_a_share_of_the_way_is_that_share(base, document, share):
    base, document = np.array(base), np.array(document)
    way = document - base.mean(axis=0)
    if way @ way < 1e-3:
        return
    found = shifts(base, base + share * way, document)
    assert found == pytest.approx(share, abs=1e-6)
    assert len(found) == len(base)


@given(MATRIX, st.floats(-3, 3))
def test_movement_across_the_way_does_not_count(base, across):
    base = np.array(base)
    document = base.mean(axis=0) + np.array([2.0, 0, 0])
    assert shifts(base, base + np.array([0, across, 0]), document) == pytest.approx(0, abs=1e-9)


def test_scatter_alone_is_no_distance():
    rng = np.random.default_rng(0)
    near = [distance(rng.standard_normal((20, 6)), np.zeros(6)) ** 2 for _ in range(500)]
    far = [distance(rng.standard_normal((20, 6)) + 1, np.zeros(6)) ** 2 for _ in range(500)]
    assert np.mean(near) < 0.15
    assert np.mean(far) == pytest.approx(6, abs=0.2)


def test_there_is_no_way_to_the_style_one_has():
    with pytest.raises(ValueError, match="is the base's"):
        shifts(np.zeros((2, 2)), np.ones((2, 2)), np.zeros(2))
