"""Each piece of advice is called for by the evidence, and names it."""

from dataclasses import replace

import pytest

from sway.core.measurement import Check
from sway.core.results import ProbeResult
from sway.core.verdicts import Reason, Verdict
from sway.report import remedies
from sway.report.advice import Advice, advise
from tests.report.cases import BROKEN, CHANGED, LEARNED, LOSS, NO_OP, SHAPE, SKIPPED, report

OTHER_KINDS = (
    *("adapter_revert", "prompt_collapse", "cluster_kl", "multi_turn_coherence_decay", "paraphrase_invariance"),
    *("preference_flip", "tool_use_fidelity", "style_fingerprint", "calibration_drift"),
)


def advice(probe: ProbeResult) -> tuple[Advice, ...]:
    return advise(report(probe).probes[0])


def failed(kind: str, reason: Reason = Reason.SHAPE, **fields: object) -> ProbeResult:
    plain = replace(CHANGED, kind=kind, verdict=Verdict.FAIL, reason=reason, z_by_rank={}, evidence={}, raw=0.01)
    return replace(plain, **fields)


def test_nothing_is_advised_where_nothing_is_to_be_done():
    assert advice(replace(CHANGED, z_by_rank={})) == ()
    assert advice(SKIPPED) == ()
    assert advice(replace(SKIPPED, required=True)) == (Advice(remedies.SKIPPED, "no file"),)
    assert advice(BROKEN) == (Advice(remedies.ERROR, "the model gave nothing"),)


def test_every_broken_check_has_its_own_advice_with_its_number():
    checks = (
        Check("linearity", 0.4, low=0.85),
        Check("overshoot", 1.0, low=1.02),
        Check("largest_drop", 0.0, high=0.1),
    )
    found = advice(replace(SHAPE, verdict=Verdict.FAIL, checks=checks))
    assert [a.because for a in found] == ["linearity 0.4, needs >= 0.85", "overshoot 1, needs >= 1.02"]
    assert "lower the learning rate" in found[0].do
    assert advice(LOSS)[0].because == "instability events 1, needs <= 0; at steps 5"


def test_the_worst_sections_are_named():
    found = advice(LEARNED)
    assert "trained on this document" in found[0].do
    assert "\u201cThe lamp burns oil\u201d -0.2" in found[0].because


def test_a_steep_rank_profile_advises_to_halve_r_even_on_a_pass():
    (found,) = advice(replace(CHANGED, z_by_rank={"rank_0.50": 6.8, "rank_1.00": 3.0, "rank_2.00": 1.0}))
    assert "halve r" in found.do
    assert found.because == "+6.8 sigma at 0.5x, +3.0 sigma at 1x, +1.0 sigma at 2x"
    assert advice(CHANGED)[0].do == found.do
    assert advice(replace(CHANGED, z_by_rank={"rank_0.50": 4.4, "rank_1.00": 4.2, "rank_2.00": 4.1})) == ()


def test_a_collapsed_adapter_is_not_told_to_train_longer():
    (found,) = advice(failed("delta_kl", Reason.NOISE, raw=0.4))
    assert found.do == remedies.UNSTRUCTURED
    assert "train longer" in advice(failed("delta_kl", Reason.NOISE))[0].do.lower()


def test_an_adapter_without_effect_is_not_told_to_calm_down():
    found = advice(replace(SHAPE, verdict=Verdict.FAIL, evidence={"flat": True}))
    assert [a.do for a in found] == [remedies.FLAT]


def test_a_no_op_is_told_to_look_at_the_training():
    assert "check that training ran" in advice(NO_OP)[0].do


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("reason", [Reason.NOISE, Reason.NEGLIGIBLE, Reason.HARM, Reason.SHAPE, Reason.INCONCLUSIVE])
def test_every_kind_has_advice_for_every_way_to_fail_even_without_evidence(kind, reason):
    found = advice(failed(kind, reason))
    assert found
    assert all(a.do.endswith(".") for a in found)
    named = advice(failed(kind, reason, evidence={"worst_offenders": None, "sections": [None, {"opening": 3}]}))
    assert [a.do for a in named] == [a.do for a in found]


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_failing_shape_of_a_kind_says_what_to_do_about_that_kind(kind):
    assert advice(failed(kind))[0].do not in remedies.BY_REASON.values()


@pytest.mark.parametrize(("kind", "check"), remedies.BY_CHECK)
def test_a_check_that_breaks_calls_for_what_is_said_of_it(kind, check):
    found = advice(failed(kind, checks=(Check(check, 0.0, low=1.0),)))
    assert found[0].do == remedies.BY_CHECK[kind, check]
    assert check.replace("_", " ") in found[0].because
