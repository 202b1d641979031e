import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.series import convergence_ratio, instability_events, smoothness

losses = st.lists(st.floats(0.01, 10), min_size=3, max_size=60)


@given(losses)
def test_smoothness_is_at_most_one(series):
    assert smoothness(series) <= 1


def test_noise_without_a_trend_is_not_smooth_and_a_descent_is():
    rng = np.random.default_rng(0)
    assert smoothness(rng.normal(2, 0.1, 400)) == pytest.approx(-1, abs=0.2)
    assert smoothness(4 * np.exp(-np.arange(100) / 30) + rng.normal(0, 0.02, 100)) > 0.95


@given(losses, st.integers(1, 20), st.floats(0.1, 10))
def test_the_unit_of_loss_does_not_matter(series, window, scale):
    scaled = [scale * x for x in series]
    assert convergence_ratio(scaled, window) == pytest.approx(convergence_ratio(series, window))


@given(losses, st.integers(3, 20), st.floats(1, 10))
def test_events_are_rises_within_the_series(series, window, factor):
    for i in instability_events(series, window, factor):
        assert 1 <= i < len(series)
        assert series[i] > series[i - 1]


def test_only_the_spike_is_an_event():
    calm = np.linspace(4, 1, 60) + 0.02 * np.sin(np.arange(60))
    assert instability_events(calm, 10, 3) == []
    calm[30] += 2
    assert instability_events(calm, 10, 3) == [30]


def test_noise_is_seldom_an_event():
    rng = np.random.default_rng(1)
    runs = [1 + 3 * np.exp(-np.arange(200) / 40) + rng.normal(0, 0.1, 200) for _ in range(50)]
    assert np.mean([len(instability_events(run, 10, 3)) for run in runs]) < 1


def test_a_step_to_a_higher_level_is_one_event():
    calm = np.linspace(4, 1, 60) + 0.02 * np.sin(np.arange(60))
    calm[30:] += 2
    assert instability_events(calm, 10, 3) == [30]


def test_a_series_that_stands_still_has_no_events():
    assert instability_events([2.0] * 20, 10, 3) == []
    assert smoothness([2.0] * 20) == 1


@pytest.mark.parametrize("series", [[1.0, 2.0], [1.0, math.nan, 2.0], [1.0, 2.0, math.inf]])
def test_too_few_or_broken_losses_are_refused(series):
    for statistic in (smoothness, lambda s: convergence_ratio(s, 3), lambda s: instability_events(s, 3, 3)):
        with pytest.raises(ValueError, match="finite losses"):
            statistic(series)
