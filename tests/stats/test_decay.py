import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.stats.decay import FLOOR, Fading, decay, fit_half_life, half_life_samples

PLACES = [0.0, 256.0, 512.0, 1024.0]
LONGEST = 10_240.0


def exponential(half_life, start=0.3, places=PLACES):
    return start * 2.0 ** (-np.array(places) / half_life)


@settings(deadline=None, max_examples=50)
@given(half_life=st.floats(40, 5000), start=st.floats(0.01, 20))
def test_the_half_life_of_an_exponential_is_found(half_life, start):
    found, fit = fit_half_life(PLACES, exponential(half_life, start), longest=LONGEST)
    assert found == pytest.approx(half_life, rel=1e-3)
    assert fit == pytest.approx(1, abs=1e-4)


CURVES = st.lists(st.lists(st.floats(0, 28), min_size=4, max_size=4), min_size=1, max_size=6)


@settings(deadline=None, max_examples=50)
@given(CURVES)
def test_any_curve_has_a_kind_and_a_half_life_within_its_bounds(values):
    found = decay(PLACES, values, longest=LONGEST)
    assert 0 <= found.half_life <= LONGEST
    assert 0 <= found.fit <= 1
    assert (found.status is Fading.DEGENERATE) == (np.mean([row[0] for row in values]) < FLOOR)
    assert found.status is not Fading.STABLE or found.half_life == LONGEST


@settings(deadline=None, max_examples=50)
@given(CURVES, st.floats(0.5, 20), st.floats(0.1, 10))
def test_units_do_not_change_the_kind(values, scale, stretch):
    values = np.round(np.array(values), 3) + 0.01
    one = decay(PLACES, values, longest=LONGEST)
    other = decay([x * stretch for x in PLACES], values * scale, longest=LONGEST * stretch)
    assert other.status is one.status
    assert other.half_life == pytest.approx(one.half_life * stretch, rel=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1.0, 3.0), min_size=3, max_size=3))
def test_what_never_falls_is_stable(steps):
    curve = 0.1 * np.cumprod([1.0, *steps])
    assert decay(PLACES, [curve], longest=LONGEST).status is Fading.STABLE


@pytest.mark.parametrize("prompts", [1, 2, 20])
def test_a_fall_by_more_than_half_counts_however_few_the_prompts(prompts):
    found = decay(PLACES, [exponential(300)] * prompts, longest=LONGEST)
    assert found.status is Fading.OK
    assert found.half_life == pytest.approx(300, rel=1e-3)


def test_a_small_fall_counts_once_the_prompts_agree_on_it():
    rng = np.random.default_rng(0)
    curve = exponential(3000)
    noisy = [curve * (1 + np.array(n)) for n in ([0, 0.2, -0.2, 0.2], [0, -0.3, 0.2, -0.3], [0.2, 0, 0, 0])]
    steady = [curve * rng.uniform(0.95, 1.05, 4) for _ in range(12)]
    assert decay(PLACES, noisy, longest=LONGEST).status is Fading.STABLE
    assert decay(PLACES, steady, longest=LONGEST).status is Fading.OK


@pytest.mark.parametrize(
    ("curve", "status"),
    [
        ([1, 0.2, 1, 0.9], Fading.NON_MONOTONIC),
        ([1, 2, 0.9, 0.1], Fading.NON_MONOTONIC),
        ([1, 0.7, 1.1, 0.8], Fading.STABLE),
        ([1, 0, 0, 0], Fading.OK),
        ([1, 0.5, 0.45, 0.5], Fading.OK),
        ([0, 1, 1, 1], Fading.DEGENERATE),
        ([FLOOR / 2] * 4, Fading.DEGENERATE),
    ],
)
def test_the_kinds_of_curve(curve, status):
    assert decay(PLACES, [curve], longest=LONGEST).status is status


def test_a_prompt_that_ends_early_does_not_bend_the_curve():
    strong, weak = 4.0 * np.ones(4), np.array([0.1, 0.1, 0.1, 0.1])
    strong[2:] = np.nan
    assert decay(PLACES, [strong, weak], longest=LONGEST).retained == pytest.approx([1, 1, 1, 1])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.5, 2), min_size=2, max_size=8))
def test_the_samples_average_to_the_half_life(starts):
    values = [exponential(400, start) for start in starts]
    samples = half_life_samples(PLACES, values, longest=LONGEST)
    assert np.mean(samples) == pytest.approx(fit_half_life(PLACES, np.mean(values, axis=0), longest=LONGEST)[0])


def test_there_are_no_samples_where_a_place_rests_on_one_prompt():
    short = exponential(400)
    short[-1] = np.nan
    assert half_life_samples(PLACES, [exponential(400), short], longest=LONGEST) == []


@pytest.mark.parametrize(
    ("places", "values"),
    [
        ([0], [[1]]),
        ([0, 0], [[1, 1]]),
        ([0, 1], [[1, -1]]),
        ([0, 1], [[np.nan, 1]]),
        ([0, 1], [[1, np.nan]]),
        ([0, 1], [[1, 1, 1]]),
        ([0, 1], np.zeros((0, 2))),
    ],
)
def test_what_is_no_curve_is_refused(places, values):
    with pytest.raises(ValueError, match=r"place|negative"):
        decay(places, values, longest=10)
