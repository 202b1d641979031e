import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.curves import overlap_distance, sweep_shape
from sway.stats.divergence import MAX_JENSEN_SHANNON

LAMBDAS = [0, 0.25, 0.5, 0.75, 1, 1.25]


@given(st.floats(0, MAX_JENSEN_SHANNON), st.floats(0, MAX_JENSEN_SHANNON))
def test_the_distance_rises_with_divergence_and_is_finite(a, b):
    low, high = sorted((a, b))
    assert 0 <= overlap_distance(low) <= overlap_distance(high) < 6


@given(st.floats(1e-12, 1e-6))
def test_small_distances_go_as_the_root_of_the_divergence(js):
    assert overlap_distance(js) == pytest.approx(math.sqrt(js / MAX_JENSEN_SHANNON), rel=1e-5)


@given(st.lists(st.floats(0, 5), min_size=6, max_size=6))
def test_shape_statistics_stay_in_their_ranges(curve):
    shape = sweep_shape(LAMBDAS, curve)
    assert 0 <= shape.linearity <= 1 + 1e-9
    assert 0 <= shape.saturation <= 1
    assert 0 <= shape.largest_drop <= 1
    assert shape.overshoot >= 0


@given(st.lists(st.floats(0.1, 5), min_size=6, max_size=6), st.floats(0.5, 20))
def test_the_unit_of_distance_does_not_matter(curve, scale):
    before, after = sweep_shape(LAMBDAS, curve), sweep_shape(LAMBDAS, [scale * y for y in curve])
    assert after.saturation == pytest.approx(before.saturation, abs=1e-6)
    assert after.overshoot == pytest.approx(before.overshoot)
    assert after.largest_drop == pytest.approx(before.largest_drop)
    if np.std(curve) > 1e-6:
        assert after.linearity == pytest.approx(before.linearity, abs=1e-6)


@given(st.floats(0.01, 10))
def test_a_straight_line_is_perfectly_healthy(slope):
    shape = sweep_shape(LAMBDAS, [slope * x for x in LAMBDAS])
    assert (shape.linearity, shape.saturation, shape.overshoot) == pytest.approx((1, 0.9, 1.25))
    assert shape.slope == pytest.approx(slope)
    assert (shape.largest_drop, shape.flat) == (0, False)


@pytest.mark.parametrize("curve", [[0] * 6, [0, 1e-5, 1e-4, 1e-4, 2e-4, 9e-4]])
def test_a_curve_on_the_floor_is_flat(curve):
    shape = sweep_shape(LAMBDAS, curve)
    assert shape.flat
    assert shape.linearity == shape.saturation == shape.overshoot == 0


def test_a_step_is_not_linear_and_saturates_where_it_stands():
    shape = sweep_shape(LAMBDAS, [0, 1, 1, 1, 1, 1])
    assert shape.linearity < 0.5
    assert shape.saturation == pytest.approx(0.225)
    assert shape.overshoot == 1


def test_a_crash_shows_as_a_drop():
    assert sweep_shape(LAMBDAS, [0, 0.3, 0.6, 0.9, 1.2, 0.6]).largest_drop == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("lambdas", "curve"),
    [
        ([0, 1], [0, 1]),
        ([0, 1, 1], [0, 1, 1]),
        ([0, 1, 2], [0, 1]),
        ([0, 1, 2], [0, math.nan, 1]),
        ([0, 1, 2], [0, -1, 1]),
    ],
)
def test_what_is_not_a_curve_is_refused(lambdas, curve):
    with pytest.raises(ValueError, match=r"curve|distances"):
        sweep_shape(lambdas, curve)
