import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sway.stats.divergence import DIVERGENCES, MAX_JENSEN_SHANNON, jensen_shannon, kullback_leibler

weights = arrays(np.float64, 6, elements=st.floats(0, 1)).filter(lambda w: w.sum() > 1e-3)
masses = weights.map(lambda w: w / w.sum())


@given(masses, masses)
def test_jensen_shannon_is_symmetric_and_bounded(p, q):
    found = jensen_shannon(p, q)
    assert 0 <= found <= MAX_JENSEN_SHANNON
    assert found == pytest.approx(jensen_shannon(q, p), abs=1e-12)


@given(masses, masses)
def test_kullback_leibler_is_finite_and_not_negative(p, q):
    assert 0 <= kullback_leibler(p, q) <= math.log(1e12)


@pytest.mark.parametrize("name", DIVERGENCES)
@given(p=masses)
def test_equal_distributions_do_not_diverge(name, p):
    assert DIVERGENCES[name](p, p) == pytest.approx(0, abs=1e-12)


@given(masses, masses, st.permutations(range(6)))
def test_the_order_of_outcomes_does_not_matter(p, q, order):
    order = list(order)
    assert jensen_shannon(p[order], q[order]) == pytest.approx(jensen_shannon(p, q), abs=1e-12)
    assert kullback_leibler(p[order], q[order]) == pytest.approx(kullback_leibler(p, q), abs=1e-9)


@given(masses, masses)
def test_merging_outcomes_loses_divergence(p, q):
    coarse = [np.append(m[:4], m[4:].sum()) for m in (p, q)]
    assert jensen_shannon(*coarse) <= jensen_shannon(p, q) + 1e-12


@given(masses, masses, masses)
def test_the_root_of_jensen_shannon_is_a_metric(p, q, r):
    def distance(a, b):
        return math.sqrt(jensen_shannon(a, b))

    assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-7


@pytest.mark.parametrize(
    ("p", "q"),
    [([0.5, 0.4], [0.5, 0.5]), ([math.nan, 1], [0.5, 0.5]), ([1.5, -0.5], [0.5, 0.5]), ([1.0], [0.5, 0.5]), ([], [])],
)
def test_what_is_not_a_distribution_is_refused(p, q):
    for divergence in DIVERGENCES.values():
        with pytest.raises(ValueError, match="probability vector"):
            divergence(p, q)
