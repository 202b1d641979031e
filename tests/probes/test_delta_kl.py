import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import RequestError
from sway.core.probe import Context
from sway.core.requests import Failure, NextToken
from sway.core.views import BASE, TUNED, NullDraw
from sway.probes.delta_kl import delta_kl
from sway.stats.divergence import jensen_shannon
from tests.fakes import World, distribution, drive

PROMPTS = [f"prompt {i}" for i in range(10)]


def test_the_statistic_is_the_mean_divergence():
    world = World(shift={0: 0, 1: 2}, spread=0)
    found = drive(delta_kl, world, params={"prompts": PROMPTS})
    expected = jensen_shannon(distribution(0).masses(), distribution(2).masses())
    assert found.raw == pytest.approx(expected)
    assert found.samples == pytest.approx([expected] * len(PROMPTS))
    assert found.bar == 0.02


@given(st.floats(-5, 5), st.sampled_from(["js", "kl"]))
def test_no_change_is_no_signal_and_any_change_is_a_positive_one(shift, divergence):
    found = drive(delta_kl, World(shift={0: 0, 1: shift}), params={"prompts": PROMPTS, "divergence": divergence})
    assert found.raw >= 0
    assert (found.raw < 1e-9) == (abs(shift) < 1e-4) or abs(shift) < 1e-3


def test_it_asks_both_models_with_the_suite_s_support_unless_told_otherwise():
    for params, top_k in (({}, 32), ({"top_k": 7}, 7)):
        asked = []
        drive(delta_kl, World(), params={"prompts": ["p"], **params}, context=Context(top_k=32), asked=asked)
        assert asked == [NextToken(BASE, "p", top_k), NextToken(TUNED, "p", top_k)]


def test_a_null_is_asked_the_same_questions():
    asked = []
    draw = NullDraw(1, 2)
    drive(delta_kl, World(), params={"prompts": ["p"]}, asked=asked, draw=draw)
    assert [q.view for q in asked] == [BASE, TUNED.under(draw)]


def test_evidence_shows_each_prompt_and_what_moved(check_evidence):
    found = drive(delta_kl, World(shift={0: 0, 1: -6}, spread=0), params={"prompts": ["short", "x" * 500]})
    evidence = check_evidence(found)
    assert evidence["per_prompt"][0] == {
        "prompt": "short",
        "divergence": pytest.approx(found.raw, rel=1e-5),
        "gained": ["t5"],
        "lost": ["t0"],
    }
    assert len(evidence["per_prompt"][1]["prompt"]) == 160


def test_evidence_stays_small_with_many_prompts(check_evidence):
    found = drive(delta_kl, World(), params={"prompts": [f"{i} " + "é" * 400 for i in range(400)]})
    assert len(found.samples) == 400
    check_evidence(found)


def test_an_unanswered_prompt_is_an_error():
    with pytest.raises(RequestError, match="too long"):
        drive(delta_kl, lambda _: Failure("too long"), params={"prompts": PROMPTS})
