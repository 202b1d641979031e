"""The composite: merged weights, bands, coverage, the reading of a rank profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import SwayError
from sway.core.measurement import Category
from sway.core.results import ProbeResult
from sway.core.verdicts import Verdict
from sway.engine.score import band, compose, merge_weights, read_profile


def row(category: Category, score: float | None, weight: float = 1.0) -> ProbeResult:
    verdict = Verdict.SKIP if score is None else Verdict.PASS
    return ProbeResult(f"{category}", "fake", category, verdict, "said", score=score, weight=weight)


def test_overrides_merge_with_the_defaults() -> None:
    weights = merge_weights({"attribution": 0.5}, {"adherence": 0.2})
    assert weights[Category.ATTRIBUTION] == 0.5
    assert weights[Category.ADHERENCE] == 0.2
    assert weights[Category.ABLATION] == 0.15


@pytest.mark.parametrize(
    "bad", [{"adherance": 1}, {"ablation": -1}, {"ablation": float("nan")}, dict.fromkeys(Category, 0.0)]
)
def test_weights_that_mean_nothing_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SwayError):
        merge_weights(bad)


def test_what_was_not_scored_is_left_out() -> None:
    rows = [row(Category.ADHERENCE, 0.9), row(Category.ATTRIBUTION, None), row(Category.ABLATION, 0.6)]
    score = compose(rows, merge_weights(), 0.6)
    assert score.overall == pytest.approx((0.3 * 0.9 + 0.15 * 0.6) / 0.45)
    assert "45%" in score.findings[0]


@pytest.mark.parametrize(
    ("value", "name"), [(0.29, "noise"), (0.3, "partial"), (0.6, "healthy"), (0.85, "healthy"), (0.86, "suspicious")]
)
def test_bands(value: float, name: str) -> None:
    assert band(value) == name


@given(st.lists(st.tuples(st.sampled_from(list(Category)), st.floats(0, 1), st.floats(0, 5)), max_size=12))
def test_the_composite_lies_between_its_parts(parts: list[tuple[Category, float, float]]) -> None:
    score = compose([row(c, s, w) for c, s, w in parts], merge_weights(), 0.6)
    if score.overall is not None:
        scored = [s for c, s, w in parts if w > 0 and c is not Category.BASELINE]
        assert min(scored) - 1e-9 <= score.overall <= max(scored) + 1e-9


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        ({"rank_0.50": 6.8, "rank_1.00": 4.2, "rank_2.00": 2.1}, "saturated"),
        ({"rank_0.50": 4.4, "rank_1.00": 4.2, "rank_2.00": 4.0}, "stable"),
        ({"rank_0.50": 1.1, "rank_1.00": 0.5, "rank_2.00": 0.2}, "barely"),
        ({"rank_0.50": 10.0, "rank_1.00": 10.0}, "far above"),
        ({"rank_1.00": 4.0}, ""),
    ],
)
def test_a_rank_profile_is_read_by_its_shape(profile: dict[str, float], word: str) -> None:
    assert word in read_profile(profile)
