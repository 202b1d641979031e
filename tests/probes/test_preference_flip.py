import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError, SkipProbe
from sway.core.probe import Context
from sway.core.requests import Chat, SpanLogprob, SpanScore
from sway.core.views import BASE, TUNED
from sway.probes.preference_flip import preference_flip
from tests.fakes import World, drive, instruction, preference


def triples(count):
    return [{"prompt": f"Say {i}.", "chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(count)]


def answering(margins):
    """A model with given (base, tuned) margins by triple; a rejected answer is twice as long as a chosen one."""

    def answer(request):
        word, index = request.completion.split()
        margin = margins[int(index)][0 if request.view.is_base else 1]
        level, tokens = (-2.0 + margin, 3) if word == "yes" else (-2.0, 6)
        return SpanScore(np.full(tokens, level), np.zeros(tokens, bool))

    return answer


def measure(margins, **params):
    return drive(preference_flip, answering(margins), params={"triples": triples(len(margins)), **params})


MARGIN = st.floats(-2, 2).filter(lambda x: abs(x) > 1e-6)


@given(st.lists(st.tuples(MARGIN, MARGIN), min_size=1, max_size=25))
@settings(max_examples=80, deadline=None)
def test_the_statistic_is_the_share_turned_or_the_mean_change(margins):
    found = measure(margins)
    wrong = [(b, t) for b, t in margins if b < 0]
    assert found.raw == pytest.approx(np.mean(found.samples))
    if len(wrong) >= 3:
        assert 0 <= found.raw <= 1
        assert found.raw == pytest.approx(np.mean([t > 0 for _, t in wrong]))
        assert (found.bar, found.checks, found.measures) == (0.7, (), "")
    else:
        assert found.raw == pytest.approx(np.mean([t - b for b, t in margins]))
        assert found.measures
        assert found.unit == "nats/token"
        assert [c.holds for c in found.checks] == [found.raw >= 0, False]
    assert found.evidence["lost"] == sum(b > 0 > t for b, t in margins)
    assert found.evidence["wrong"] == len(wrong)


@given(st.lists(MARGIN, min_size=3, max_size=10))
@settings(max_examples=30, deadline=None)
def test_an_adapter_that_changes_nothing_turns_nothing(levels):
    assert measure([(m, m) for m in levels]).raw == pytest.approx(0)


def test_a_tie_is_not_a_preference():
    assert measure([(0.0, 0.0)] * 4).raw == 0
    assert measure([(0.0, 0.5)] * 4).raw == 1


def test_both_answers_are_asked_of_both_models_through_the_chat_template():
    asked = []
    drive(preference_flip, World(), params={"triples": triples(1)}, asked=asked)
    chat = Chat.ask("Say 0.")
    assert set(asked) == {SpanLogprob(v, chat, a) for v in (BASE, TUNED) for a in ("yes 0", "no 0")}


def test_triples_come_before_the_sections_preferences():
    sections = preference(5)
    assert drive(preference_flip, World(), context=Context(sections=sections)).evidence["triples"] == 5
    found = drive(preference_flip, World(), params={"triples": triples(2)}, context=Context(sections=sections))
    assert found.evidence["triples"] == 2


def test_evidence_shows_the_least_turned_first(check_evidence):
    found = measure([(-0.5, 0.4), (-0.4, -0.9), (-0.3, 0.1), (0.6, -0.2), (0.2, 0.3)])
    evidence = check_evidence(found)
    assert (evidence["prompt"], evidence["reference"]) == ("Say 1.", "yes 1")
    assert [row["margin_tuned"] for row in evidence["rows"]] == pytest.approx([-0.9, 0.1, 0.4])
    assert evidence["mean_margin_base"] == pytest.approx(-0.08)
    assert evidence["mean_margin_tuned"] == pytest.approx(-0.06)
    low, high = evidence["margin_change_ci_95"]
    assert low < evidence["margin_change"] < high
    assert evidence["lost"] == 1
    assert found.note == "it lost 1 that the base had right"
    assert (found.base_value, found.tuned_value) == pytest.approx((0.4, 0.6))


def test_evidence_stays_small_with_many_long_triples(check_evidence):
    many = [{"prompt": "Wört " * 900, "chosen": f"{'ja ' * 900}{i}", "rejected": f"nein {i}"} for i in range(200)]
    check_evidence(drive(preference_flip, World(), params={"triples": many}))


@pytest.mark.parametrize("sections", [(), instruction(3)])
def test_nothing_to_judge_is_a_skip_that_says_what_to_add(sections):
    with pytest.raises(SkipProbe, match="add triples: to the probe, or preference sections"):
        drive(preference_flip, World(), context=Context(sections=sections))


def test_two_equal_answers_are_refused():
    with pytest.raises(ValueError, match=r"triples\[1\]: chosen and rejected are the same"):
        preference_flip.params(triples=[*triples(1), {"prompt": "Say.", "chosen": "a", "rejected": "a"}])


def test_an_answer_without_tokens_is_an_error():
    with pytest.raises(RequestError, match="no token to score"):
        drive(preference_flip, lambda _: SpanScore(np.zeros(0), np.zeros(0, bool)), params={"triples": triples(1)})


def test_a_null_is_asked_what_the_base_has_wrong_alone():
    margins = [(-0.5, 0.4), (-0.4, -0.9), (-0.3, 0.1), (0.6, -0.2), (0.2, 0.3)]
    asked = []
    params, context = {"triples": triples(len(margins))}, Context(null=True)
    found = drive(preference_flip, answering(margins), params=params, context=context, asked=asked)
    assert found.raw == measure(margins).raw
    assert {r.prompt.messages[0].content for r in asked if not r.view.is_base} == {"Say 0.", "Say 1.", "Say 2."}
