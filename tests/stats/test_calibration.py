import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.calibration import calibrate, max_t

# A coarse grid makes ties common.
value = st.integers(-5, 5).map(float)
better = st.sampled_from(["higher", "lower"])
rows = st.integers(3, 25).flatmap(lambda n: st.lists(value, min_size=n, max_size=n))


def leave_each_out(values):
    return [(values[i], values[:i] + values[i + 1 :]) for i in range(len(values))]


@given(st.lists(value, min_size=20, max_size=40), better, st.sampled_from([0.05, 0.1, 0.2]))
def test_the_rank_test_holds_its_level_exactly(values, better, alpha):
    ps = [calibrate(x, rest, better=better, alpha=alpha).p_value for x, rest in leave_each_out(values)]
    assert sum(p <= alpha for p in ps) <= alpha * len(values) + 1e-9
    assert all(0 < p <= 1 for p in ps)


@given(st.lists(value, min_size=20, max_size=40), value, better)
def test_a_monotone_change_of_scale_does_not_change_the_rank(nulls, x, better):
    before = calibrate(x, nulls, better=better).p_value
    assert calibrate(math.exp(x), [math.exp(v) for v in nulls], better=better).p_value == before


@given(rows, value)
def test_the_directions_mirror_each_other(nulls, x):
    up = calibrate(x, nulls, better="higher")
    down = calibrate(-x, [-v for v in nulls], better="lower")
    assert (up.p_value, up.z) == (pytest.approx(down.p_value), pytest.approx(down.z))
    assert up.p95 == pytest.approx(-down.p95)


@given(rows, value, better, st.booleans())
def test_the_p_value_is_never_zero_and_never_above_one(nulls, x, better, log_scale):
    found = calibrate(1e6 * x, nulls, better=better, log_scale=log_scale)
    assert 0 < found.p_value <= 1


@pytest.mark.parametrize(
    ("n", "alpha", "method", "needed"),
    [
        (19, 0.05, "rank", None),
        (18, 0.05, "t", 19),
        (99, 0.01, "rank", None),
        (19, 0.01, "t", 99),
        (9, 0.1, "rank", None),
    ],
)
def test_the_rank_is_used_where_it_can_reach_alpha(n, alpha, method, needed):
    found = calibrate(3.0, np.random.default_rng(0).normal(size=n).tolist(), better="higher", alpha=alpha)
    assert (found.method, found.runs_needed) == (method, needed)


def test_the_prediction_holds_its_level_where_nulls_are_normal():
    rng = np.random.default_rng(4)
    draws = rng.normal(size=(2000, 6))
    rejected = np.mean(
        [calibrate(x, rest.tolist(), better="higher").p_value <= 0.05 for x, *r in draws for rest in [np.array(r)]]
    )
    assert rejected == pytest.approx(0.05, abs=0.015)


def test_the_prediction_on_logarithms_holds_its_level_where_nulls_are_skewed():
    draws = np.exp(np.random.default_rng(5).normal(size=(2000, 6)))
    ps = [calibrate(row[0], row[1:].tolist(), better="higher", log_scale=True).p_value for row in draws]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.015)


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8), st.floats(-1e6, 1e6))
def test_z_is_positive_in_the_better_direction(nulls, x):
    found = calibrate(x, nulls, better="lower")
    if found.z is not None:
        assert found.z == pytest.approx((found.mean - x) / found.sd)


@pytest.mark.parametrize(
    ("nulls", "z"), [([1.0, 2.0] * 3 + [1.0], None), ([1.0, 2.0] * 4, pytest.approx(-1.5 / 0.534522))]
)
def test_z_needs_eight_nulls(nulls, z):
    assert calibrate(0.0, nulls, better="higher").z == z


@pytest.mark.parametrize("n", [2, 8, 30])
def test_nulls_that_do_not_scatter_give_a_rank_and_no_z(n):
    nulls = [0.3 + 1e-14 * i for i in range(n)]
    found = calibrate(0.9, nulls, better="higher")
    assert found.degenerate
    assert (found.z, found.method, found.p_value) == (None, "rank", pytest.approx(1 / (n + 1)))


@pytest.mark.parametrize("nulls", [[], [1.0]])
def test_fewer_than_two_nulls_calibrate_nothing(nulls):
    found = calibrate(2.0, nulls, better="higher")
    assert (found.method, found.p_value, found.z, found.runs_needed, found.degenerate) == ("none", None, None, 19, True)


@pytest.mark.parametrize(
    ("x", "nulls", "alpha"), [(math.nan, [1.0, 2.0], 0.05), (1.0, [math.inf, 1.0], 0.05), (1.0, [1.0, 2.0], 1.0)]
)
def test_numbers_without_meaning_are_refused(x, nulls, alpha):
    with pytest.raises(ValueError, match=r"finite|alpha"):
        calibrate(x, nulls, better="higher", alpha=alpha)


@given(st.integers(1, 4), st.integers(19, 30), st.integers(0, 2**32))
def test_the_omnibus_test_holds_its_level_exactly(count, draws, seed):
    table = np.random.default_rng(seed).integers(-3, 4, (count, draws + 1)).astype(float)
    ps = []
    for i in range(draws + 1):
        rest = np.delete(table, i, axis=1)
        ps.append(max_t({str(k): table[k, i] for k in range(count)}, {str(k): rest[k].tolist() for k in range(count)}))
    assert sum(p <= 0.05 for p in ps) <= 0.05 * (draws + 1)
    assert all(0 < p <= 1 for p in ps)


@given(st.integers(0, 2**32), st.floats(0.01, 100), st.floats(-50, 50))
def test_units_do_not_matter_to_the_omnibus_test(seed, scale, shift):
    table = np.random.default_rng(seed).normal(size=(3, 20))
    moved = table * np.array([[1], [scale], [1]]) + np.array([[0], [shift], [0]])

    def p(t):
        return max_t({k: t[i, 0] for i, k in enumerate("abc")}, {k: t[i, 1:].tolist() for i, k in enumerate("abc")})

    assert p(table) == p(moved)


def test_one_strong_effect_among_many_is_found():
    rng = np.random.default_rng(0)
    nulls = {str(k): rng.normal(size=19).tolist() for k in range(5)}
    assert max_t({"0": 9.0, "1": 0.0, "2": 0.0, "3": 0.0, "4": 0.0}, nulls) == 0.05
    assert max_t(dict.fromkeys(nulls, 0.0), nulls) > 0.2


def test_the_omnibus_test_needs_two_draws_and_equal_names():
    assert max_t({}, {}) is None
    assert max_t({"a": 1.0}, {"a": [0.0]}) is None
    for nulls in ({"b": [0.0, 1.0]}, {"a": [0.0, 1.0], "b": [0.0]}):
        with pytest.raises(ValueError, match="every statistic"):
            max_t(dict.fromkeys(nulls, 1.0) if "b" not in nulls or "a" in nulls else {"a": 1.0}, nulls)
