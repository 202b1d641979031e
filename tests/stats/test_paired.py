from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.stats.paired import (
    EXACT_UP_TO,
    difference_interval,
    holm,
    least_p,
    pairs_for,
    pairs_needed,
    sign_flip,
)

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 6))
few = st.lists(numbers, min_size=1, max_size=8)


def by_hand(differences: list[float]) -> float:
    """The share of all sign patterns whose mean is as far from zero as the one seen."""
    seen = abs(sum(differences))
    patterns = product((1, -1), repeat=len(differences))
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in patterns]
    return sum(total >= seen - 1e-9 * sum(map(abs, differences)) for total in sums) / len(sums)


@given(few)
def test_few_differences_are_enumerated_exactly(differences):
    assert sign_flip(differences, seed=0).p_value == pytest.approx(by_hand(differences))


@given(few, st.sampled_from([0.01, 0.05, 0.1, 0.25]))
def test_over_all_sign_patterns_p_is_at_most_alpha_no_more_often_than_alpha(differences, alpha):
    patterns = list(product((1, -1), repeat=len(differences)))
    low = sum(
        sign_flip([s * d for s, d in zip(signs, differences, strict=True)], seed=0).p_value <= alpha + 1e-12
        for signs in patterns
    )
    assert low <= alpha * len(patterns) + 1e-9


@given(few, st.floats(0.01, 100))
def test_neither_direction_order_nor_unit_moves_p(differences, scale):
    p = sign_flip(differences, seed=0).p_value
    assert sign_flip([-d for d in differences], seed=0).p_value == p
    assert sign_flip(differences[::-1], seed=0).p_value == p
    assert sign_flip([scale * d for d in differences], seed=0).p_value == pytest.approx(p)


@given(st.lists(numbers, max_size=40))
def test_p_is_never_below_what_the_unequal_pairs_allow(differences):
    found = sign_flip(differences, seed=0)
    unequal = sum(d != 0 for d in differences)
    assert found.least_p <= found.p_value <= 1
    assert found.least_p >= least_p(unequal)


def test_ten_pairs_all_one_way_give_two_in_1024():
    assert sign_flip([0.1] * 10, seed=0).p_value == 2 / 1024
    assert sign_flip([0.1] * 4, seed=0).p_value == 2 / 16


def test_yes_or_no_gives_the_exact_sign_test():
    """Six of seven unequal pairs one way: 2 * (1 + 7) / 2^7, whatever the equal ones."""
    assert sign_flip([1] * 6 + [-1] + [0] * 30, seed=0).p_value == 2 * 8 / 128


def test_drawn_signs_come_close_to_all_of_them():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1, EXACT_UP_TO)
    exact, drawn = sign_flip(differences, seed=0), sign_flip([*differences, 1e-12, -1e-12], seed=0)
    assert (exact.method, drawn.method) == ("exact", "drawn")
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.015)


def test_a_large_sample_takes_few_draws_and_little_memory():
    found = sign_flip(np.random.default_rng(0).normal(1, 1, 30_000), seed=0)
    assert found.p_value == found.least_p == 1 / 1000


def test_doubt_about_the_reference_weakens_the_evidence():
    differences = [0.1] * 10
    noisy = sign_flip(differences, [0.5, -0.5, 0.4, -0.4], seed=0)
    assert noisy.p_value > 10 * sign_flip(differences, seed=0).p_value


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_the_same_seed_gives_the_same_p(seed):
    differences = np.random.default_rng(seed).normal(0.2, 1, 20)
    assert sign_flip(differences, seed=seed) == sign_flip(differences, seed=seed)


probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(probabilities)
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p):
    adjusted = holm(p)
    assert all(a <= h <= min(len(p) * a, 1) + 1e-12 for a, h in zip(p, adjusted, strict=True))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()


@given(probabilities, st.floats(0.001, 0.2))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p, alpha):
    rejected = set()
    for k, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] * (len(p) - k) > alpha:
            break
        rejected.add(i)
    assert {i for i, h in enumerate(holm(p)) if h <= alpha} == rejected


def test_no_p_values_are_no_trouble():
    assert holm([]) == []


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=40))
def test_a_yes_or_no_interval_is_never_a_point_and_stays_in_range(differences):
    found = difference_interval(differences, seed=0, yes_or_no=True)
    assert -1 <= found.low < found.high <= 1


@pytest.mark.parametrize(("n", "up", "down"), [(10, 0.1, 0.1), (10, 0.3, 0.05), (30, 0.02, 0.02), (8, 0.5, 0.1)])
def test_a_yes_or_no_interval_covers_the_truth(n, up, down):
    rng = np.random.default_rng(n)
    draws = rng.choice([1.0, -1.0, 0.0], (1500, n), p=[up, down, 1 - up - down])
    ends = [difference_interval(d, seed=0, yes_or_no=True) for d in draws]
    assert np.mean([e.low <= up - down <= e.high for e in ends]) >= 0.93


def test_one_pair_has_no_interval():
    assert difference_interval([0.5], seed=0) is None
    assert difference_interval([1.0], seed=0, yes_or_no=True) is None


@given(st.lists(numbers, min_size=2, max_size=20), st.floats(0.01, 10))
def test_a_smaller_difference_or_more_scatter_needs_more_pairs(differences, least):
    needed = pairs_needed(differences, least=least, alpha=0.05)
    assert pairs_needed(differences, least=least / 2, alpha=0.05) >= needed >= pairs_for(0.05)
    assert pairs_needed([3 * d for d in differences], least=least, alpha=0.05) >= needed


def test_as_many_pairs_as_said_find_the_difference_in_four_cases_of_five():
    rng = np.random.default_rng(0)
    needed = pairs_needed(rng.normal(0, 1, 4000), least=0.8, alpha=0.05)
    found = [sign_flip(rng.normal(0.8, 1, needed), seed=i).p_value <= 0.05 for i in range(300)]
    assert 0.7 <= np.mean(found) <= 0.9


def test_no_number_of_questions_mends_a_doubtful_reference():
    assert pairs_needed([0.1, 0.2], [1.0, -1.0], least=0.1, alpha=0.05) is None
    assert pairs_needed([0.1], least=0.1, alpha=0.05) is None


@pytest.mark.parametrize("bad", [[float("nan")], [float("inf"), 1.0]])
def test_numbers_that_are_not_finite_are_refused(bad):
    for refused in (lambda: sign_flip(bad, seed=0), lambda: holm(bad), lambda: pairs_needed(bad, least=1, alpha=0.05)):
        with pytest.raises(ValueError, match="finite"):
            refused()
