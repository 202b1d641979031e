"""Two runs held against each other: what is worse, what cannot be said, and what becomes of what was lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.exits import Exit
from sway.core.measurement import Category, Claim
from sway.core.results import Asked, Digests, ProbeResult
from sway.core.verdicts import Verdict
from sway.engine.compare import Change, Comparison, Row, Side, compare

KEYS = tuple(f"k{i:02}" for i in range(20))
SCATTER = tuple(0.05 * float(x) for x in np.random.default_rng(0).normal(size=20))


def probe(level: float = 1.0, n: int = 20, name: str = "learned", **changes: object) -> ProbeResult:
    """A probe whose samples scatter around a level."""
    samples = tuple(level + s for s in SCATTER[:n])
    found = ProbeResult(
        name,
        "section_internalization",
        Category.ATTRIBUTION,
        Verdict.PASS,
        "",
        claim=Claim.SUPERIORITY,
        unit="nats/token",
        measures="lift",
        raw=float(np.mean(samples)),
        bar=0.05,
        samples=samples,
        asked=Asked(KEYS[:n], settings={"top_k": 8}),
    )
    return replace(found, **changes)


def harm(level: float, n: int = 20, name: str = "intact", **changes: object) -> ProbeResult:
    return probe(level, n, name, better="lower", claim=Claim.NON_INFERIORITY, bar=0.1, kind="perplexity", **changes)


PREFLIGHT = ProbeResult("__preflight__", "__preflight__", Category.BASELINE, Verdict.ERROR, "not finite")


def side(*probes: ProbeResult, **changes: object) -> Side:
    whole = Side("r.json", "1", "base", "adapter", 0.05, probes, Digests("b", "a", "s"), "cpu float32")
    return replace(whole, **changes)


def jittered(found: ProbeResult, shift: float, seed: int = 1) -> ProbeResult:
    """The same probe of another adapter: every sample moved by about `shift`."""
    noise = 0.02 * np.random.default_rng(seed).normal(size=len(found.samples))
    samples = tuple(float(x) for x in np.array(found.samples) + shift + noise)
    return replace(found, samples=samples, raw=float(np.mean(samples)))


def only(found: Comparison) -> Row:
    [row] = found.rows
    return row


def test_a_lower_lift_regressed_and_a_lower_harm_improved():
    found = compare(side(probe(), harm(0.1)), side(jittered(probe(), -0.3), jittered(harm(0.1), -0.05)))
    assert [r.change for r in found.rows] == [Change.REGRESSED, Change.IMPROVED]
    assert found.rows[0].gain == pytest.approx(-0.3, abs=0.02)
    assert found.rows[0].interval.high < -0.25
    assert found.exit() is Exit.GATE_FAILED


def test_a_higher_lift_improved_and_a_higher_harm_regressed():
    found = compare(side(probe(), harm(0.1)), side(jittered(probe(), 0.3), jittered(harm(0.1), 0.05)))
    assert [r.change for r in found.rows] == [Change.IMPROVED, Change.REGRESSED]


def test_what_grew_and_fails_now_is_no_improvement():
    """A collapsed adapter changes the model more than a healthy one, and no more than noise of its size does."""
    broken = replace(jittered(probe(), 0.5), verdict=Verdict.FAIL)
    row = only(compare(side(probe()), side(broken)))
    assert (row.change, row.gain > 0) == (Change.REGRESSED, True)
    assert "fails now" in row.why
    failing = replace(probe(), verdict=Verdict.FAIL)
    assert only(compare(side(failing), side(broken))).change is Change.IMPROVED


def test_an_optional_probe_that_regressed_closes_nothing():
    found = compare(side(probe(required=False)), side(jittered(probe(required=False), -0.3)))
    assert (only(found).change, found.exit()) == (Change.REGRESSED, Exit.PASS)


def test_equal_runs_show_no_difference():
    found = compare(side(probe(), harm(0.1)), side(probe(), harm(0.1)))
    assert {(r.change, r.p_value, r.difference) for r in found.rows} == {(Change.SAME, 1.0, 0.0)}
    assert found.exit() is Exit.PASS
    assert found.notes == ("both runs judged the same adapter",)


def test_a_real_difference_below_the_floor_does_not_count():
    found = compare(side(probe()), side(jittered(probe(), -0.04)))
    assert only(found).adjusted_p < 0.01
    assert only(found).change is Change.SAME
    assert only(compare(side(probe()), side(jittered(probe(), -0.04)), share=0.01)).change is Change.REGRESSED


def test_five_pairs_cannot_show_a_regression_however_large():
    row = only(compare(side(probe(n=5)), side(jittered(probe(n=5), -0.9))))
    assert (row.change, row.least_p, row.p_value) == (Change.SAME, 2 / 32, 2 / 32)
    assert row.needed >= 6


def test_a_probe_needs_more_evidence_beside_others():
    names = [f"p{i}" for i in range(10)]
    before = side(*(probe(n=7, name=n) for n in names))
    after = side(*(jittered(probe(n=7, name=n), -0.9 if n == "p0" else 0.0) for n in names))
    assert compare(before, after).rows[0].change is Change.SAME
    alone = compare(side(before.probes[0]), side(after.probes[0]))
    assert only(alone).change is Change.REGRESSED


@given(st.permutations(range(20)))
def test_the_order_of_the_prompts_matters_to_nothing(order):
    worse = jittered(probe(), -0.3)
    moved = replace(
        worse,
        samples=tuple(worse.samples[i] for i in order),
        asked=replace(worse.asked, keys=tuple(KEYS[i] for i in order)),
    )
    a, b = only(compare(side(probe()), side(worse))), only(compare(side(probe()), side(moved)))
    assert (a.change, a.p_value, a.interval) == (b.change, b.p_value, b.interval)


def test_what_both_were_asked_is_paired_and_the_rest_is_counted():
    new = jittered(probe(), -0.3)
    cut = replace(new, samples=new.samples[8:], asked=replace(new.asked, keys=(*KEYS[8:18], "new1", "new2")))
    row = only(compare(side(probe()), side(cut)))
    assert (row.pairs, row.only_before, row.only_after) == (10, 10, 2)
    assert row.change is Change.REGRESSED
    assert row.before == pytest.approx(np.mean(probe().samples[8:18]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"asked": Asked(tuple(f"x{i}" for i in range(20)), settings={"top_k": 8})}, "no question in common"),
        ({"asked": Asked(KEYS, settings={"top_k": 9})}, "top_k 8 before, 9 now"),
        ({"asked": Asked(KEYS, (0.0,), ("c",), {"top_k": 8})}, "other control text"),
        ({"asked": Asked()}, "does not say what"),
        ({"unit": "bits"}, "another statistic"),
        ({"better": "lower"}, "what is better"),
    ],
)
def test_numbers_of_different_things_are_not_compared(change, said):
    found = compare(side(probe()), side(probe(**change)))
    assert only(found).change is Change.APART
    assert said in only(found).why
    assert not found.comparable
    assert found.exit() is Exit.NO_VERDICT


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((probe(verdict=Verdict.SKIP, message="no sections", samples=()),), "skip now: no sections"),
        ((probe(verdict=Verdict.ERROR, message="it broke", samples=()),), "error now: it broke"),
        ((harm(0.1),), "not in the suite any more"),
        ((PREFLIGHT,), "not finite"),
    ],
)
def test_what_was_measured_and_is_not_any_more_is_lost(after, said):
    found = compare(side(probe(), harm(0.1)), side(*after))
    lost = next(r for r in found.rows if r.name == "learned")
    assert lost.change is Change.LOST
    assert said in lost.why
    assert found.comparable
    assert found.exit() is Exit.NO_VERDICT


def test_what_is_measured_for_the_first_time_is_added_and_holds_nothing_up():
    found = compare(side(harm(0.1)), side(harm(0.1), probe()))
    assert [r.change for r in found.rows] == [Change.SAME, Change.ADDED]
    assert found.exit() is Exit.PASS


UNMEASURED = [
    probe(verdict=Verdict.ERROR, message="it broke", samples=(), raw=None),
    probe(verdict=Verdict.SKIP, message="no sections", samples=(), raw=None),
]


@pytest.mark.parametrize("then", UNMEASURED)
@pytest.mark.parametrize("now", [probe(), probe(verdict=Verdict.FAIL), *UNMEASURED])
def test_a_required_probe_that_the_baseline_could_not_measure_is_not_compared(then, now):
    found = compare(side(harm(0.1), then), side(harm(0.1), now))
    row = found.rows[1]
    assert (row.change, row.required) == (Change.APART, True)
    assert row.why == (f"{then.verdict} in the baseline: {then.message}" if now.samples else "measured neither time")
    assert found.exit() is Exit.NO_VERDICT


@pytest.mark.parametrize("then", UNMEASURED)
def test_an_optional_probe_that_was_measured_neither_time_holds_nothing_up(then):
    optional = replace(then, required=False)
    assert compare(side(harm(0.1), optional), side(harm(0.1), optional)).exit() is Exit.PASS


def test_a_probe_that_the_baseline_left_out_is_added():
    left_out = probe(verdict=Verdict.SKIP, message="disabled in the spec", samples=(), raw=None, required=False)
    found = compare(side(harm(0.1), left_out), side(harm(0.1), probe()))
    assert [r.change for r in found.rows] == [Change.SAME, Change.ADDED]
    assert found.exit() is Exit.PASS


def test_a_foreign_suite_is_not_comparable():
    assert not compare(side(probe()), side(harm(0.1))).comparable
    assert not compare(side(), side(harm(0.1))).comparable


def test_a_renamed_probe_is_found_by_what_it_asks():
    row = only(compare(side(probe()), side(jittered(probe(name="attribution"), -0.3))))
    assert (row.name, row.change) == ("attribution", Change.REGRESSED)


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        (Verdict.PASS, Verdict.FAIL, Change.REGRESSED),
        (Verdict.FAIL, Verdict.PASS, Change.IMPROVED),
        (Verdict.PASS, Verdict.WARN, Change.SAME),
        (Verdict.PASS, Verdict.PASS, Change.SAME),
    ],
)
def test_without_samples_only_a_failure_counts(then, now, change):
    bare = {"samples": (), "asked": Asked(), "claim": Claim.SHAPE}
    row = only(compare(side(probe(verdict=then, **bare)), side(probe(verdict=now, **bare))))
    assert row.change is change
    assert "no samples" in row.why


def test_what_else_differs_is_said():
    after = side(probe(), digests=Digests("b2", "a2", "s2"), sway_version="2", numerics="cuda bfloat16", alpha=0.1)
    after = replace(after, base="other", nulls={"learned": "99 permuted"})
    notes = compare(side(probe(), nulls={"learned": "19 matched"}), after).notes
    for said in (
        "base differs",
        "suite differs",
        "sway differs: 1 then, 2 now",
        "dtype differs",
        "nulls differ",
        "0.05",
    ):
        assert any(said in note for note in notes), said


def test_the_baselines_alpha_and_bar_decide():
    lax = jittered(probe(bar=1e6), -0.3)
    found = compare(side(probe()), side(lax, alpha=1e-9))
    assert only(found).change is Change.REGRESSED


def test_rates_are_tested_as_rates():
    ones, zeros = (1.0,) * 12, (0.0,) * 12
    keys = Asked(KEYS[:12])
    then, now = (probe(samples=s, raw=s[0], asked=keys, unit="rate", bar=0.5) for s in (ones, zeros))
    row = only(compare(side(then), side(now)))
    assert (row.change, row.p_value) == (Change.REGRESSED, 2 / 2**12)
    still = only(compare(side(then), side(then)))
    assert still.interval.low < 0 < still.interval.high


def test_doubt_about_the_controls_counts():
    """All sections moved alike, and so did the controls, by about as much, one up and one down."""
    asked = Asked(KEYS, (0.0,) * 4, ("a", "b", "c", "d"), {"top_k": 8})
    worse = jittered(probe(asked=replace(asked, reference=(0.6, -0.6, 0.5, -0.5))), -0.3)
    assert only(compare(side(probe(asked=asked)), side(worse))).change is Change.SAME
    sure = replace(worse, asked=asked)
    assert only(compare(side(probe(asked=asked)), side(sure))).change is Change.REGRESSED


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_which_run_came_first_only_turns_the_sign(seed):
    a, b = probe(), jittered(probe(), 0.3, seed)
    there, back = only(compare(side(a), side(b))), only(compare(side(b), side(a)))
    assert there.p_value == back.p_value
    assert (there.change, back.change) == (Change.IMPROVED, Change.REGRESSED)
