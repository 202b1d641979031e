import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.shares import answers_needed, change_interval, counted, share_interval

ANSWERS = st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=40)
CHANGES = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=40)


@given(ANSWERS)
def test_a_share_lies_within_its_interval_which_is_never_a_point(samples):
    found = share_interval(samples)
    assert 0 <= found.low <= np.mean(samples) <= found.high <= 1
    assert found.high - found.low > 0.01
    mirrored = share_interval([1 - x for x in samples])
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))


@given(CHANGES)
def test_a_change_s_interval_is_never_a_point_and_mirrors(samples):
    found, mirrored = change_interval(samples), change_interval([-x for x in samples])
    assert -1 <= found.low < found.high <= 1
    assert (-mirrored.high, -mirrored.low) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("interval", [share_interval, change_interval])
def test_one_answer_has_none(interval):
    assert interval([1.0]) is None


# Wilson's ends miss a share more often than they say where few answers take few values. What counts for a verdict is
# that a share that is not above its bar seldom clears it.
@pytest.mark.parametrize(("n", "bar"), [(5, 0.7), (9, 0.7), (12, 0.7), (20, 0.7), (10, 0.65), (40, 0.85), (60, 0.95)])
def test_a_share_at_its_bar_seldom_clears_it(n, bar):
    draws = np.random.default_rng(n).random((4000, n)) < bar
    cleared = np.mean([share_interval(d.astype(float).tolist()).low > bar for d in draws])
    assert cleared <= 0.05


@given(st.integers(2, 30), st.sampled_from([0.6, 0.8, 0.9]), st.booleans())
def test_so_many_more_of_the_same_settle_it_and_one_fewer_does_not(n, bar, change):
    interval = change_interval if change else share_interval
    need = answers_needed([1.0] * n, bar=bar, better="higher", change=change)
    if need > n + 1:
        assert interval([1.0] * need).low >= bar > interval([1.0] * (need - 1)).low
    assert interval([1.0] * need).low >= bar


@pytest.mark.parametrize(("samples", "bar"), [([1.0], 0.5), ([0.0, 0.0], 0.5), ([1.0, 0.0], 0.5)])
def test_what_is_not_beyond_the_bar_is_settled_by_no_number(samples, bar):
    assert answers_needed(samples, bar=bar, better="higher", change=False) is None


def test_a_bar_next_to_the_mean_takes_many():
    assert answers_needed([0.0, 1.0], bar=0.4999999, better="higher", change=False) == 10_000


@pytest.mark.parametrize(("samples", "whole"), [([0.0, 1.0], True), ([0.4, 0.4], True), ([0.4, 0.5, 1.0], False)])
def test_rates_that_scatter_are_not_counted(samples, whole):
    assert counted(samples) is whole
