import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError, SkipProbe
from sway.core.requests import After, Failure, Generation, NextToken
from sway.core.verdicts import Verdict, by_checks
from sway.core.views import BASE, TUNED
from sway.probes.prompt_collapse import prompt_collapse
from tests.fakes import World, drive

STRONG = World(shift={0: 0, 1: 2})
EIGHT = list("abcdefgh")


def measure(world, asked=None, **params):
    return drive(prompt_collapse, world, params={"prompts": EIGHT, **params}, asked=asked)


def with_window(world, tokens):
    """A model that takes no more than `tokens` tokens of other text."""

    def answer(request):
        prompt = request.prompt
        if isinstance(prompt, After) and prompt.tokens > tokens:
            return Failure(f"it takes {prompt.tokens} tokens, and the model reads at most {tokens}", too_long=True)
        return world(request)

    return answer


@given(fade=st.floats(50, 20_000))
@settings(max_examples=20, deadline=None)
def test_the_statistic_follows_the_effect(fade):
    found = measure(World(shift={0: 0, 1: 0.5}, spread=0.0, fade=fade))
    # A small shift's divergence goes as its square, so that it halves twice as fast.
    assert found.raw == pytest.approx(min(fade / 2, 10_240), rel=0.1)


def test_every_length_is_asked_of_both_models_after_a_text_of_the_prompt_s_own():
    asked = []
    measure(STRONG, asked, context_lengths=[64, 16])
    questions = [q for q in asked if isinstance(q, NextToken)]
    assert len(questions) == 8 * 3 * 2
    assert {q.prompt.tokens for q in questions if isinstance(q.prompt, After)} == {16, 64}
    assert {q.prompt for q in questions if isinstance(q.prompt, str)} == set(EIGHT)
    openings = {q.prompt.context[:40] for q in questions if isinstance(q.prompt, After)}
    assert len(openings) > 4
    assert all(len(q.prompt.context) > 8 * 1024 for q in questions if isinstance(q.prompt, After))


def test_a_length_that_does_not_fit_is_left_out_and_said():
    found = measure(with_window(STRONG, 512))
    assert [row["tokens"] for row in found.evidence["per_length"]] == [0, 256, 512]
    assert "8 of 8 prompts end early: it takes 1024 tokens" in found.note
    assert by_checks(found.checks)[0] is Verdict.PASS


def test_a_window_that_shows_less_than_the_bar_warns():
    found = measure(with_window(STRONG, 256))
    assert by_checks(found.checks)[0] is Verdict.WARN
    assert [c.name for c in found.checks if not c.holds] == ["tokens_measured"]


def test_a_window_with_no_room_at_all_is_a_skip():
    with pytest.raises(SkipProbe, match=r"it takes 256 tokens.*shorten context_lengths"):
        measure(with_window(STRONG, 0))


def test_a_prompt_that_cannot_be_asked_alone_is_an_error():
    with pytest.raises(RequestError, match="empty"):
        measure(lambda request: Failure("the prompt is empty"))


@pytest.mark.parametrize("view", [BASE, TUNED])
def test_a_fault_after_other_text_is_an_error_and_no_shorter_curve(view):
    def answer(request):
        broken = isinstance(request.prompt, After) and request.prompt.tokens > 512 and request.view == view
        return Failure("the model's output is not finite") if broken else STRONG(request)

    with pytest.raises(RequestError, match="not finite"):
        measure(answer)


def test_the_evidence_shows_the_worst_prompt_s_replies(check_evidence):
    asked = []
    world = World(shift={0: 0, 1: 2}, fade=300, says={"base": ["plain"], "tuned": ["taught"]})
    evidence = check_evidence(measure(world, asked, prompts=["ü" * 900, *EIGHT]))
    assert evidence["prompt"]
    assert evidence["reference"] == "taught"
    assert evidence["worst"]["reply_of_the_base"] == "plain"
    assert {q.view for q in asked if isinstance(q, Generation)} == {BASE, TUNED}
    assert evidence["fit_status"] == "ok"
    assert len(evidence["sparkline"]) == 4


def test_replies_that_cannot_be_had_do_not_stop_the_measurement(check_evidence):
    answer = lambda q: Failure("no room") if isinstance(q, Generation) else STRONG(q)  # noqa: E731
    assert check_evidence(measure(answer))["worst"]["reply"] == "(no reply: no room)"


def test_evidence_stays_small(check_evidence):
    check_evidence(
        measure(
            World(shift={0: 0, 1: 2}, says={"tuned": ["ü" * 3000], "base": ["ü" * 3000]}),
            prompts=[f"{i} " + "ü" * 900 for i in range(60)],
            context_lengths=list(range(0, 1600, 100)),
        )
    )


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"context_lengths": [0]}, "above 0"),
        ({"context_lengths": [-1, 5]}, "greater than or equal"),
        ({"context_lengths": [32]}, "assert_half_life_tokens is above 320"),
        ({"prompts": []}, "at least 1"),
    ],
)
def test_parameters_that_cannot_work_are_refused(params, what):
    with pytest.raises(ValueError, match=what):
        measure(STRONG, **params)
