import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError, SkipProbe
from sway.core.requests import Failure, Generation, NextToken
from sway.core.verdicts import Verdict, by_checks
from sway.core.views import BASE, TUNED
from sway.probes.multi_turn_coherence_decay import multi_turn_coherence_decay
from sway.probes.packs import follow_ups
from tests.fakes import World, drive

STRONG = World(shift={0: 0, 1: 2}, says={"base": ["base on {prompt}"], "tuned": ["tuned on {prompt}"]})
EIGHT = list("abcdefgh")


def measure(world, asked=None, **params):
    return drive(multi_turn_coherence_decay, world, params={"prompts": EIGHT, **params}, asked=asked)


def with_room_for(world, turns):
    """A model whose window ends after so many turns of a prompt that holds `long`, or any where `turns` is 0."""

    def answer(request):
        users = [m.content for m in request.prompt.messages if m.role == "user"]
        outgrown = "a" in users[0] and len(users) > turns
        return Failure("the model reads at most 9", too_long=True) if outgrown else world(request)

    return answer


@given(fade=st.floats(0.7, 70))
@settings(max_examples=20, deadline=None)
def test_the_statistic_follows_the_effect(fade):
    found = measure(World(shift={0: 0, 1: 0.5}, spread=0.0, turn_fade=fade))
    assert found.raw == pytest.approx(min(fade / 2, 40), rel=0.1)


def test_each_model_hears_its_own_replies():
    asked = []
    measure(STRONG, asked, prompts=["hello"], max_turns=3, follow_ups=["more"])
    last = {q.prompt for q in asked if isinstance(q, NextToken) and len(q.prompt.messages) == 5}
    assert {tuple(m.content for m in chat.messages) for chat in last} == {
        ("hello", "base on hello", "more", "base on more", "more"),
        ("hello", "tuned on hello", "more", "tuned on more", "more"),
    }
    assert all(q.prompt.required for q in asked)
    assert {q.view for q in asked} == {BASE, TUNED}


def test_the_last_turn_asks_for_no_reply():
    asked = []
    measure(STRONG, asked, max_turns=3)
    assert max(len(q.prompt.messages) for q in asked if isinstance(q, Generation)) == 3
    assert sum(isinstance(q, Generation) for q in asked) == len(EIGHT) * 2 * 2
    assert len({q for q in asked if isinstance(q, NextToken)}) == len(EIGHT) * (2 + 4 + 4)


def test_follow_ups_come_in_turn_and_start_over():
    asked = []
    measure(STRONG, asked, prompts=["hello"], max_turns=4, follow_ups=["one", "two"])
    longest = max((q.prompt.messages for q in asked), key=len)
    assert [m.content for m in longest if m.role == "user"] == ["hello", "one", "two", "one"]
    assert len(set(follow_ups())) == 7


def test_a_conversation_that_outgrows_the_window_ends_and_is_said():
    found = measure(with_room_for(STRONG, 2))
    assert "1 of 8 prompts end early: the model reads at most 9" in found.note
    assert len(found.evidence["per_turn"]) == 4
    assert by_checks(found.checks)[0] is Verdict.PASS


def test_too_few_turns_to_show_the_bar_warn():
    found = measure(with_room_for(STRONG, 2), prompts=["a"])
    assert by_checks(found.checks)[0] is Verdict.WARN
    assert [c.name for c in found.checks if not c.holds] == ["turns_measured"]


def test_one_turn_alone_is_a_skip_and_none_is_an_error():
    with pytest.raises(SkipProbe, match=r"reads at most 9.*lower max_new_tokens"):
        measure(with_room_for(STRONG, 1), prompts=["a"])
    with pytest.raises(RequestError, match="reads at most 9"):
        measure(with_room_for(STRONG, 0))


@pytest.mark.parametrize("kind", [NextToken, Generation])
def test_a_fault_in_a_later_turn_is_an_error_and_no_shorter_curve(kind):
    def answer(request):
        broken = isinstance(request, kind) and len(request.prompt.messages) > 3
        return Failure("the model's output is not finite") if broken else STRONG(request)

    with pytest.raises(RequestError, match="not finite"):
        measure(answer)


def test_the_evidence_holds_the_conversations_of_the_prompt_that_faded_most(check_evidence):
    found = measure(World(shift={0: 0, 1: 2}, turn_fade=1, says=STRONG.says))
    evidence = check_evidence(found)
    talk = evidence["worst"]["conversations"]["tuned"]
    assert [m["role"] for m in talk] == ["user", "assistant"] * 3 + ["user"]
    assert evidence["reference"] == f"tuned on {evidence['prompt']}"
    assert evidence["sparkline"][0] == "▇"
    assert evidence["sparkline"] in found.note
    assert evidence["fit_status"] == "ok"


def test_evidence_stays_small(check_evidence):
    says = {"base": ["ü" * 3000], "tuned": ["é" * 3000]}
    world = World(shift={0: 0, 1: 2}, turn_fade=3, says=says)
    check_evidence(measure(world, prompts=["ü" * 900] * 3, max_turns=8, follow_ups=["ö" * 900]))


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"max_turns": 1}, "greater than or equal to 2"),
        ({"max_turns": 9}, "less than or equal to 8"),
        ({"follow_ups": []}, "at least 1"),
        ({"assert_half_life_turns": 41}, "assert_half_life_turns is above 40"),
    ],
)
def test_parameters_that_cannot_work_are_refused(params, what):
    with pytest.raises(ValueError, match=what):
        measure(STRONG, **params)
