import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.ratios import ratio_of_means

PAIRS = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.5, 5)), min_size=2, max_size=20)


@given(PAIRS, st.floats(0.1, 10))
def test_a_ratio_is_of_the_means_and_scales_with_the_top(pairs, factor):
    top, bottom = (np.array(x) for x in zip(*pairs, strict=True))
    found = ratio_of_means(top, bottom, seed=0)
    assert found.value == pytest.approx(top.mean() / bottom.mean())
    assert ratio_of_means(factor * top, bottom, seed=0).value == pytest.approx(factor * found.value)
    assert found.interval.low <= found.value + 1e-9
    assert found.interval.high >= found.value - 1e-9


def test_coverage_is_near_its_level():
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(300):
        bottom = rng.normal(1.0, 0.3, 12)
        found = ratio_of_means(0.6 * bottom + rng.normal(0, 0.2, 12), bottom, seed=trial).interval
        inside += found.low <= 0.6 <= found.high
    assert 0.91 <= inside / 300 <= 0.99


@pytest.mark.parametrize("bottom", [[1.0], [3.0, -0.5]])
def test_an_interval_needs_two_samples_and_a_divisor_that_no_one_of_them_makes(bottom):
    assert ratio_of_means([1.0] * len(bottom), bottom, seed=0).interval is None


@pytest.mark.parametrize("bottom", [[], [0.0, 0.0], [-1.0, 0.5]])
def test_nothing_to_be_a_share_of(bottom):
    assert ratio_of_means([1.0] * len(bottom), bottom, seed=0) is None


def test_pairs_must_pair():
    with pytest.raises(ValueError, match="2 samples over 1"):
        ratio_of_means([1.0, 2.0], [1.0], seed=0)
