import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.stats.completion import least_divergent
from sway.stats.divergence import jensen_shannon, kullback_leibler

weights = st.lists(st.floats(0.001, 1), min_size=2, max_size=8)


@given(weights, st.floats(0.05, 1), st.floats(0.01, 0.6), st.floats(0, 0.3), st.integers(0, 2**32 - 1))
def test_no_completion_within_the_bounds_diverges_less(raw, mass, most, least, seed):
    p = np.array(raw) / sum(raw)
    head, other = p[:-1], float(p[-1])
    least = min(least, mass)
    q, q_other = least_divergent(head, other, mass, most=most, least_other=least)
    assert q.sum() + q_other == pytest.approx(mass)
    assert (q <= most + 1e-9).all()
    assert q_other >= least - 1e-9
    rng = np.random.default_rng(seed)
    for _ in range(20):
        share = rng.dirichlet(np.ones(len(p))) * (mass - least)
        spare = np.minimum(share[:-1], most)
        candidate = np.append(spare, mass - spare.sum())
        for divergence in (jensen_shannon, kullback_leibler):
            # Both with the mass that is known elsewhere left out of account: it adds the same to each.
            assert least_part(divergence, p, np.append(q, q_other)) <= least_part(divergence, p, candidate) + 1e-9


def least_part(divergence, p, q):
    """A divergence with the known rest of q's mass in a cell of its own, which p hardly has."""
    known = 1 - q.sum()
    return divergence(np.append(p * 0.999, 0.001), np.append(q, max(known, 0)) / max(q.sum() + known, 1e-12))


def test_nothing_unknown_and_nothing_left():
    q, other = least_divergent(np.array([]), 0.4, 0.3, most=1.0)
    assert (len(q), other) == (0, 0.3)
    q, other = least_divergent(np.array([0.5]), 0.4, 0.2, most=1.0, least_other=0.2)
    assert (q.tolist(), other) == ([0.0], 0.2)


def test_without_a_further_bucket_what_does_not_fit_is_put_there():
    q, other = least_divergent(np.array([0.6, 0.4]), 0.0, 1.0, most=0.3)
    assert q.tolist() == [0.3, 0.3]
    assert other == pytest.approx(0.4)
