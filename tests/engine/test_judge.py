"""From a measurement to a verdict: each kind of claim, each reason, and the degenerate cases."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import RequestError, SkipProbe
from sway.core.measurement import Category, Check, Claim, Measurement, below
from sway.core.probe import CalibratedParams, Params, Probe
from sway.core.results import ProbeResult
from sway.core.verdicts import Reason, Verdict
from sway.core.views import NullFamily
from sway.engine.judge import Entry, Nulls, judge

FLAT = [0.01 + 0.0005 * i for i in range(19)]


def probe(claim: Claim, better: str = "higher", *, calibrated: bool = True) -> Probe:
    return Probe(
        kind="fake",
        category=Category.ADHERENCE,
        claim=claim,
        measures="mean shift",
        unit="nats",
        better=better,
        calibrated=calibrated,
        log_scale=False,
        sample="prompt",
        needs_model=True,
        params=Params,
        run=lambda params, context: iter(()),
        doc="",
    )


def ruled(
    found: object,
    claim: Claim = Claim.SUPERIORITY,
    better: str = "higher",
    nulls: Sequence[float] | None = FLAT,
    **params,
) -> ProbeResult:
    calibrated = nulls is not None
    entry = Entry("p", probe(claim, better, calibrated=calibrated), CalibratedParams(**params))
    under = Nulls({1.0: list(nulls)}, NullFamily.MATCHED) if nulls is not None else None
    return judge(entry, found, nulls=under, alpha=0.05, seed=0, duration=0.0)


def around(mean: float, spread: float, n: int = 12) -> Measurement:
    samples = [mean + spread * (i - (n - 1) / 2) / n for i in range(n)]
    return Measurement(mean, samples=samples, bar=0.02)


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (around(0.2, 0.1), Verdict.PASS, Reason.HOLDS),
        (around(0.015, 0.001), Verdict.FAIL, Reason.NOISE),
        (around(0.0195, 0.001), Verdict.FAIL, Reason.NEGLIGIBLE),
        (around(0.025, 0.06), Verdict.WARN, Reason.INCONCLUSIVE),
        (Measurement(0.2, samples=[0.2], bar=0.02), Verdict.WARN, Reason.INCONCLUSIVE),
    ],
)
def test_superiority(found: Measurement, verdict: Verdict, reason: Reason) -> None:
    nulls = [0.001 * i for i in range(19)] if reason is not Reason.NOISE else FLAT
    result = ruled(found, nulls=nulls)
    assert (result.verdict, result.reason) == (verdict, reason)


def test_an_inconclusive_claim_says_how_many_samples_would_settle_it() -> None:
    result = ruled(around(0.025, 0.06), nulls=[0.0] * 18 + [0.001])
    assert result.samples_needed is not None
    assert result.samples_needed > len(result.samples)
    assert str(result.samples_needed) in result.message


@pytest.mark.parametrize(
    ("mean", "spread", "verdict", "reason"),
    [
        (-0.3, 0.1, Verdict.PASS, Reason.HOLDS),
        (0.0, 0.005, Verdict.PASS, Reason.HOLDS),
        (0.01, 0.2, Verdict.WARN, Reason.INCONCLUSIVE),
        (0.05, 0.2, Verdict.FAIL, Reason.HARM),
    ],
)
def test_non_inferiority_never_demands_better_than_noise(
    mean: float, spread: float, verdict: Verdict, reason: Reason
) -> None:
    harmless_nulls = [-1.0] * 19
    result = ruled(around(mean, spread), Claim.NON_INFERIORITY, "lower", harmless_nulls)
    assert (result.verdict, result.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((Check("a", 1, low=0), Check("b", 1, high=2)), Verdict.PASS),
        ((Check("a", 1, low=2, soft=True), Check("b", 1)), Verdict.WARN),
        ((Check("a", 1, low=2, soft=True), Check("b", 1, high=0)), Verdict.FAIL),
        ((Check("a", math.nan, low=0),), Verdict.FAIL),
    ],
)
def test_shape_is_decided_by_its_checks(checks: tuple[Check, ...], verdict: Verdict) -> None:
    assert ruled(Measurement(1.0, checks=checks), Claim.SHAPE, nulls=None).verdict is verdict


def test_a_broken_check_fails_a_superiority_claim_that_otherwise_holds() -> None:
    found = Measurement(0.2, samples=[0.19, 0.2, 0.21] * 4, bar=0.02, checks=(Check("share", 0.2, low=0.5),))
    assert ruled(found).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (SkipProbe("no sections", "add some"), Verdict.SKIP),
        (RequestError("too long"), Verdict.ERROR),
        (KeyError("x"), Verdict.ERROR),
        (Measurement(math.nan), Verdict.ERROR),
        (Measurement(1.0, samples=[math.inf]), Verdict.ERROR),
    ],
)
def test_what_cannot_be_judged_has_no_score(outcome: object, verdict: Verdict) -> None:
    result = ruled(outcome)
    assert result.verdict is verdict
    assert result.score is None


def test_without_calibration_the_bar_decides_and_the_report_says_so() -> None:
    entry = Entry("p", probe(Claim.SUPERIORITY), Params())
    result = judge(entry, around(0.2, 0.1), nulls=None, alpha=0.05, seed=0, duration=0.0)
    assert result.verdict is Verdict.PASS
    assert "(no calibration for fake)" in result.message


def test_an_explicit_z_is_enforced_and_the_default_is_not() -> None:
    nulls = [0.0, 0.1] * 9 + [0.05]
    found = Measurement(0.12, samples=[0.12] * 12, bar=0.02)
    assert ruled(found, nulls=nulls).verdict is Verdict.PASS
    assert ruled(found, nulls=nulls, assert_z_gte=3.0).reason is Reason.NOISE


@pytest.mark.parametrize("nulls", [[0.01] * 19, [0.01, 0.02, 0.03]])
def test_a_z_that_was_asked_for_and_cannot_be_told_is_not_taken_as_reached(nulls: list[float]) -> None:
    result = ruled(around(0.2, 0.01), nulls=nulls, assert_z_gte=3.0)
    assert (result.verdict, result.reason) == (Verdict.WARN, Reason.FEW_NULLS)
    assert "8 nulls" in result.message


def test_nulls_that_are_alike_and_too_few_warn_and_name_the_runs() -> None:
    result = ruled(around(0.2, 0.01), nulls=[0.01] * 3)
    assert (result.verdict, result.reason) == (Verdict.WARN, Reason.FEW_NULLS)
    assert "set runs: 19" in result.message
    assert ruled(around(0.01, 0.001), nulls=[0.01] * 3).reason is Reason.NOISE
    assert ruled(around(0.015, 0.001), nulls=[0.01] * 3).reason is Reason.NEGLIGIBLE


@pytest.mark.parametrize(
    ("samples", "scale", "verdict", "needed"),
    [
        ([1.0] * 3, "share", Verdict.WARN, 9),
        ([1.0] * 9, "share", Verdict.PASS, None),
        ([1.0] * 8 + [0.0], "share", Verdict.WARN, 23),
        ([1.0] * 3, "number", Verdict.PASS, None),
    ],
)
def test_a_share_of_few_answers_that_agree_is_not_settled(samples, scale, verdict, needed) -> None:
    found = Measurement(sum(samples) / len(samples), samples=samples, bar=0.7, scale=scale)
    result = ruled(found, nulls=[0.0] * 19)
    assert (result.verdict, result.samples_needed) == (verdict, needed)


def test_changes_of_few_answers_that_agree_are_not_settled_either() -> None:
    few, many = (Measurement(0.0, samples=[0.0] * n, bar=0.05, scale="change") for n in (10, 54))
    first = ruled(few, Claim.NON_INFERIORITY, "lower", nulls=None)
    assert (first.verdict, first.samples_needed) == (Verdict.WARN, 54)
    assert ruled(many, Claim.NON_INFERIORITY, "lower", nulls=None).verdict is Verdict.PASS


def test_a_bound_that_is_not_to_be_reached_is_told_as_one() -> None:
    found = Measurement(0.5, samples=[0.5, 0.5], bar=below(0.5))
    result = ruled(found, Claim.NON_INFERIORITY, "lower", nulls=None)
    assert (result.verdict, result.reason) == (Verdict.FAIL, Reason.HARM)
    assert "< 0.5" in result.message


def test_few_nulls_name_the_runs_that_a_rank_test_needs() -> None:
    result = ruled(around(0.2, 0.01), nulls=[0.01, 0.011, 0.012])
    assert result.z_score is None
    assert "runs: 19" in result.message


def test_nulls_without_spread_give_a_p_value_and_no_z() -> None:
    result = ruled(around(0.2, 0.01), nulls=[0.01] * 19)
    assert result.z_score is None
    assert result.p_value == pytest.approx(0.05)


def test_another_probe_moves_no_interval() -> None:
    found = around(0.2, 0.1)
    entries = [Entry(name, probe(Claim.SUPERIORITY), Params()) for name in ("a", "b")]
    first, second = (judge(e, found, nulls=None, alpha=0.05, seed=0, duration=0) for e in entries)
    again = judge(entries[0], found, nulls=None, alpha=0.05, seed=0, duration=0)
    assert first.ci_95 == again.ci_95
    assert first.ci_95 != second.ci_95


@given(st.floats(-5, 5), st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.sampled_from(list(Claim)))
def test_every_judged_score_is_a_share_and_agrees_with_its_verdict(
    raw: float, nulls: list[float], claim: Claim
) -> None:
    result = ruled(Measurement(raw, samples=[raw - 0.1, raw, raw + 0.1], bar=0.0), claim, nulls=nulls)
    assert result.score is not None
    assert 0 <= result.score <= 1
    assert (result.score >= 0.6) == (result.verdict is Verdict.PASS)


def test_no_absurd_z_reaches_a_report() -> None:
    result = ruled(around(5.0, 0.1), nulls=[1e-6 * i for i in range(19)])
    assert result.z_score == 10.0
    assert ">10 sigma" in result.message


@pytest.mark.parametrize(("soft", "verdict"), [(True, Verdict.WARN), (False, Verdict.FAIL)])
@pytest.mark.parametrize("nulls", [FLAT, None])
def test_without_a_bar_there_is_no_claim_and_a_broken_check_alone_decides(soft, verdict, nulls) -> None:
    """Not "no more than noise does": the probe could not look."""
    found = Measurement(0.0, checks=(Check("cases", 0, low=1, soft=soft),))
    assert (ruled(found, nulls=nulls).verdict, ruled(found, nulls=nulls).reason) == (verdict, Reason.SHAPE)
    assert ruled(Measurement(0.0), nulls=FLAT).verdict is Verdict.FAIL


def test_only_what_nulls_were_asked_is_told_from_noise() -> None:
    small = around(0.01, 0.001)
    assert "more than noise does, but needs >= 0.02" in ruled(small, nulls=[0.001] * 10 + [0.002] * 9).message
    assert "; needs >= 0.02" in ruled(small, nulls=None).message
    assert "noise" not in ruled(small, nulls=None).message
