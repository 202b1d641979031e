from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.text import PERTURBATIONS, leading_recall, split_between_words

TEXT = "However big the storm, the small boat must not stop: it is close to home, and many people begin to help."


@given(st.lists(st.booleans(), max_size=40))
def test_recall_is_the_share_before_the_first_miss(greedy):
    recall = leading_recall(greedy)
    assert 0 <= recall <= 1
    assert (recall == 1) == (all(greedy) and len(greedy) > 0)
    assert leading_recall([*greedy, True]) >= 0


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(text=st.text(max_size=200), seed=st.integers())
def test_perturbations_take_any_text_and_repeat(name, text, seed):
    first, second = (PERTURBATIONS[name](text, Random(seed)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_perturbations_change_ordinary_text_a_little(name):
    changed = PERTURBATIONS[name](TEXT, Random(0))
    assert changed != TEXT
    kept = set(TEXT.lower().split()) & set(changed.lower().split())
    assert len(kept) >= 0.6 * len(set(TEXT.lower().split()))


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("typo", "a storm", "a sotrm"),
        ("case_flip", "word", "Word"),
        ("drop_punct", "One, two: it's (here).", "One two it's here"),
        ("clause_reverse", "first, second", "second, first"),
        ("prefix_inject", "x", "As mentioned earlier, x"),
        ("synonym_swap", "nothing known", "nothing known"),
        ("register_shift", "It's here.", "It is here."),
        ("register_shift", "Nothing known.", "So, nothing known."),
    ],
)
def test_what_each_perturbation_does(name, text, changed):
    seeds = [PERTURBATIONS[name](text, Random(seed)) for seed in range(20)]
    assert changed in seeds


@given(st.text(alphabet="ab ", min_size=1, max_size=80), st.integers(1, 60))
def test_a_split_loses_nothing_but_space(text, chars):
    opening, rest = split_between_words(text, chars)
    assert opening.replace(" ", "") + rest.replace(" ", "") == text.replace(" ", "")
    assert len(opening) <= chars
