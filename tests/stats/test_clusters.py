import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.stats.clusters import between_share, k_means, specificity

POINTS = st.lists(st.tuples(*[st.floats(-5, 5)] * 3), min_size=1, max_size=30)
VALUES = st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 4)), min_size=2, max_size=40)


@given(POINTS, st.integers(1, 8), st.integers(0, 5))
def test_groups_are_full_numbered_in_order_and_repeatable(points, k, seed):
    labels = k_means(points, k, seed=seed)
    places = len(np.unique(np.round(points, 9), axis=0))
    assert sorted(set(labels.tolist())) == list(range(min(k, places)))
    assert list(dict.fromkeys(labels.tolist())) == sorted(set(labels.tolist()))
    assert (k_means(points, k, seed=seed) == labels).all()


@given(POINTS, st.integers(1, 8))
def test_points_at_one_place_share_a_group(points, k):
    labels = k_means(points + points, k, seed=0)
    assert (labels[: len(points)] == labels[len(points) :]).all()


@given(st.integers(2, 6), st.integers(0, 100))
@settings(max_examples=25)
def test_well_parted_groups_are_found(k, seed):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), 6)
    points = 10 * np.eye(8)[truth] + 0.3 * rng.standard_normal((len(truth), 8))
    assert (k_means(points, k, seed=seed) == truth).all()


def test_no_split_found_by_chance_is_tighter():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((40, 5))

    def loss(labels):
        return sum(((points[labels == g] - points[labels == g].mean(axis=0)) ** 2).sum() for g in set(labels.tolist()))

    ours = loss(k_means(points, 4, seed=0))
    assert all(ours < loss(rng.integers(0, 4, 40)) for _ in range(50))
    assert ours <= loss(k_means(points, 4, seed=1, restarts=1)) * 1.02


@pytest.mark.parametrize(("points", "k"), [([1.0, 2.0], 1), ([[np.nan]], 1), ([[1.0]], 0)])
def test_what_cannot_be_sorted_is_refused(points, k):
    with pytest.raises(ValueError, match="finite"):
        k_means(points, k, seed=0)


@given(VALUES, st.floats(0.1, 10), st.floats(-50, 50))
def test_shares_are_bounded_and_do_not_depend_on_unit_or_origin(pairs, scale, shift):
    values, labels = np.array([v for v, _ in pairs]), [g for _, g in pairs]
    share, corrected = between_share(values, labels), specificity(values, labels)
    assert 0 <= share <= 1
    assert corrected <= share + 1e-12
    if values.std() > 1e-3:
        assert between_share(values * scale + shift, labels) == pytest.approx(share, abs=1e-6)
        assert specificity(values * scale + shift, labels) == pytest.approx(corrected, abs=1e-5)


def test_values_that_follow_the_groups_are_all_between_them():
    assert specificity([1, 1, 5, 5, 9, 9], [0, 0, 1, 1, 2, 2]) == 1


@pytest.mark.parametrize(("n", "k"), [(20, 5), (20, 2), (24, 8), (60, 20)])
def test_chance_gives_the_plain_share_a_bias_and_the_corrected_one_none(n, k):
    rng = np.random.default_rng(n + k)
    labels = np.arange(n) % k
    drawn = rng.exponential(size=(3000, n))
    assert np.mean([between_share(row, labels) for row in drawn]) == pytest.approx((k - 1) / (n - 1), abs=0.02)
    assert np.mean([specificity(row, labels) for row in drawn]) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("values", "labels"), [([1, 2, 3], [0, 0, 0]), ([1, 2, 3], [0, 1, 2]), ([2, 2, 2], [0, 1, 1])])
def test_where_nothing_can_be_compared_there_is_no_specificity(values, labels):
    assert specificity(values, labels) == 0
