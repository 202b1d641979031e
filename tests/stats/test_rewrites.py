from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.diversity import farthest_first
from sway.stats.rewrites import rewrites


@given(st.text(min_size=1).filter(str.strip), st.integers(1, 60), st.integers(0, 5))
def test_wordings_differ_and_depend_on_the_seed_alone(text, count, seed):
    made = rewrites(text, count, Random(seed))
    assert made == rewrites(text, count, Random(seed))
    assert len(made) == len(set(made)) <= count
    assert text.strip() not in made


def test_names_stay_as_they_are():
    made = rewrites("What is Old Tamsin, the big bell?", 60, Random(0))
    assert all("Old Tamsin," in wording for wording in made)
    assert any("large bell" in wording for wording in made)


@given(st.lists(st.integers(-9, 9), max_size=12), st.integers(0, 12))
def test_each_choice_is_the_farthest_that_is_left(values, count):
    vectors = np.array(values, dtype=float).reshape(len(values), 1)
    chosen = farthest_first(vectors, count, np.zeros(1))
    places = [0.0, *(float(values[i]) for i in chosen)]
    assert len(set(places)) == len(places)
    assert len(chosen) == min(count, len({v for v in values if v}))
    for k in range(1, len(places)):
        gap = [min(abs(v - p) for p in places[:k]) for v in values]
        assert gap[chosen[k - 1]] == max(gap)
