from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.probe import Context
from sway.core.requests import Chat, SpanLogprob, SpanScore
from sway.core.views import BASE, TUNED
from sway.probes.paraphrase_invariance import paraphrase_invariance
from tests.fakes import World, drive, instruction, last_message


def cases(count, paraphrases=2):
    return [
        {"prompt": f"own {i}", "gold": f"gold {i}", "paraphrases": [f"other {i} {j}" for j in range(paraphrases)]}
        for i in range(count)
    ]


def answering(verbatim, others, general=0.0, elsewhere=0.0):
    """A model with given lifts: by case for its own question and for its paraphrases, one for control answers.

    `elsewhere` is an answer's lift after the question of another case, over `general`.
    """

    def answer(request):
        word, *numbers = request.prompt.messages[-1].content.split()
        lift = {"own": verbatim, "other": others}[word][int(numbers[0])] if word in ("own", "other") else general
        if word == "own" and request.completion != f"gold {numbers[0]}":
            lift = max(general, 0.0) + elsewhere
        return SpanScore(np.full(4, -3.0 + (0.0 if request.view.is_base else lift)), np.zeros(4, bool))

    return answer


def measure(verbatim, others, general=0.0, elsewhere=0.0, **params):
    answer = answering(verbatim, others, general, elsewhere)
    return drive(paraphrase_invariance, answer, params={"cases": cases(len(verbatim)), **params})


def ratio(found):
    """The check of the generalization ratio."""
    return next(c for c in found.checks if c.name == "generalization_ratio")


LIFT = st.floats(-2, 3).map(lambda x: round(x, 3))


@given(st.lists(st.tuples(LIFT, LIFT), min_size=1, max_size=12), LIFT)
@settings(max_examples=80, deadline=None)
def test_the_statistic_is_the_mean_lift_and_the_ratio_decides(pairs, general):
    verbatim, others = (np.array(x) for x in zip(*pairs, strict=True))
    found = measure(verbatim, others, general)
    off = max(general, 0)
    assert found.samples == pytest.approx(verbatim - off)
    assert found.raw == pytest.approx(np.mean(found.samples))
    assert found.bar == 0.2
    gains = np.maximum(np.round(verbatim - off, 9), 0)
    share = np.minimum(np.maximum(others - off, 0), gains).sum() / gains.sum() if gains.sum() > 0 else None
    assert found.evidence["generalization_ratio"] == (share if share is None else pytest.approx(share, abs=1e-5))
    if found.raw < found.bar:
        assert found.checks == ()
        return
    tied, whole, *settled = found.checks
    assert tied.soft == (tied.name == "lift_over_other_questions_at_worst") == (len(pairs) > 1)
    assert whole.value == pytest.approx(share, abs=1e-5)
    assert 0 <= whole.value <= 1 + 1e-9
    assert whole.holds == (whole.value >= 0.3)
    assert [c.soft for c in settled] == [True] * whole.holds


@given(LIFT.filter(lambda x: x > 0.2), st.integers(2, 10))
@settings(max_examples=30, deadline=None)
def test_an_answer_lifted_alike_after_every_wording_has_ratio_one(lift, count):
    found = measure([lift] * count, [lift] * count)
    assert [c.value for c in found.checks[1:]] == pytest.approx([1.0, 1.0])
    assert found.note == "generalization ratio 1.00 [1.00, 1.00]"


def test_what_it_does_to_any_answer_is_taken_off_both():
    found = measure([1.0, 1.2], [0.6, 0.6], general=0.5)
    assert found.raw == pytest.approx(0.6)
    assert ratio(found).value == pytest.approx(0.1 / 0.6)
    assert found.evidence["general_lift"] == pytest.approx(0.5)


def test_one_paraphrase_that_is_answered_wrongly_does_not_outweigh_all_that_are_answered():
    found = measure([0.4] * 8, [0.4] * 7 + [-10.0])
    assert ratio(found).value == pytest.approx(7 / 8)


def test_harm_to_other_answers_is_no_merit():
    found = measure([0.3, 0.3], [-0.3, -0.3], general=-2.0)
    assert found.raw == pytest.approx(0.3)
    assert ratio(found).value == pytest.approx(0.0)
    assert not any(found.reference)


def test_what_comes_after_any_question_was_not_learned_as_an_answer():
    by_heart = measure([3.0, 3.0], [2.0, 2.0], elsewhere=2.0)
    assert by_heart.raw == pytest.approx(3.0)
    assert ratio(by_heart).value == pytest.approx(0.0)
    assert not ratio(by_heart).holds
    assert by_heart.evidence["lift_after_other_questions"] == pytest.approx(2.0)
    assert ratio(measure([3.0, 3.0], [2.9, 2.9], elsewhere=2.0)).value == pytest.approx(0.9)


@pytest.mark.parametrize("intent", ["generalize", "memorize", "both"])
@pytest.mark.parametrize("elsewhere", [2.0, 1.999])
def test_answers_that_come_after_any_question_alike_never_pass(intent, elsewhere):
    found = measure([2.0] * 8, [2.0] * 8, elsewhere=elsewhere, intent=intent)
    assert found.raw > found.bar
    assert [(c.name, c.holds, c.soft) for c in found.checks] == [("lift_over_other_questions", False, False)]


def test_harm_to_its_answers_elsewhere_is_no_merit():
    assert ratio(measure([1.0, 1.0], [0.3, 0.3], elsewhere=-5.0)).value == pytest.approx(0.3)


def test_a_case_that_was_not_learned_has_nothing_to_carry_and_takes_nothing_away():
    learned = ([3.0, 3.0, 3.0], [1.8, 1.8, 1.8])
    found = measure([*learned[0], 0.5], [*learned[1], 0.2], elsewhere=1.0)
    assert ratio(found).value == pytest.approx(ratio(measure(*learned, elsewhere=1.0)).value) == pytest.approx(0.4)


def test_a_ratio_that_one_case_makes_is_not_settled():
    found = measure([3.0] + [0.9] * 7, [3.0] + [0.9] * 7, elsewhere=1.0)
    assert ratio(found).value == pytest.approx(1.0)
    assert [(c.name, c.value, c.holds, c.soft) for c in found.checks[2:]] == [("cases_with_a_gain", 1, False, True)]


def test_other_questions_have_other_answers_and_the_order_of_a_spec_is_nothing():
    twins = [{"prompt": f"own {i}", "gold": f"gold {i // 2}", "paraphrases": [f"other {i} 0"]} for i in range(4)]

    def unrelated(listing):
        asked = []
        drive(paraphrase_invariance, World(), params={"cases": listing}, asked=asked)
        by_gold = {(q.completion, last_message(q.prompt)) for q in asked if q.completion.startswith("gold")}
        return {(gold, prompt) for gold, prompt in by_gold if prompt.startswith("own")}

    crossed = {(f"gold {i // 2}", f"own {j}") for i in range(4) for j in range(4)}
    assert unrelated(twins) == unrelated(twins[::-1]) == crossed


def test_a_null_is_asked_the_questions_of_the_statistic_alone():
    asked, whole = [], []
    controls = Context(controls=instruction(3, "calm"))
    alone = drive(
        paraphrase_invariance,
        World(own_lift=1.0, own=("own",)),
        params={"cases": cases(3)},
        context=replace(controls, null=True),
        asked=asked,
    )
    full = drive(
        paraphrase_invariance,
        World(own_lift=1.0, own=("own",)),
        params={"cases": cases(3)},
        context=controls,
        asked=whole,
    )
    assert (alone.raw, alone.samples, alone.bar) == (full.raw, full.samples, full.bar)
    assert len(asked) == 2 * (3 + 3)
    assert len(whole) == 2 * (3 * 3 + 3 * 2 + 3)


def test_a_case_s_paraphrases_are_averaged_first():
    case = [
        {"prompt": "own 0", "gold": "gold 0", "paraphrases": ["other 0 a"]},
        {"prompt": "own 1", "gold": "gold 1", "paraphrases": [f"other 1 {i}" for i in range(9)]},
    ]
    answer = answering([1.0, 1.0], [1.0, 0.0])
    assert ratio(drive(paraphrase_invariance, answer, params={"cases": case})).value == pytest.approx(0.5)


def test_each_intent_has_its_bound():
    lifts = ([1.0, 1.0], [0.2, 0.2])
    assert [c.holds for c in measure(*lifts).checks] == [True, False]
    assert [c.holds for c in measure(*lifts, intent="memorize").checks] == [True, True, True]
    assert [c.name for c in measure(*lifts, intent="both").checks] == ["lift_over_other_questions_at_worst"]
    assert measure(*lifts, intent="both").note == "generalization ratio 0.20 [0.20, 0.20]"


def test_a_gain_over_other_questions_that_only_some_answers_have_is_not_settled():
    found = measure([1.5, 1.5, 0.9, 0.9], [1.5, 1.5, 0.9, 0.9], elsewhere=1.0)
    tied, whole, *_ = found.checks
    assert (tied.name, tied.holds, tied.soft) == ("lift_over_other_questions_at_worst", False, True)
    assert whole.holds


@pytest.mark.parametrize("intent", ["generalize", "memorize"])
def test_a_ratio_whose_interval_reaches_across_its_bound_is_flagged(intent):
    scattered = ([1.0, 1.0, 1.0, 1.0], [1.2, 0.1, 1.0, 0.1] if intent == "generalize" else [0.5, 0.0, 0.5, 0.0])
    _, hard, soft = measure(*scattered, intent=intent).checks
    assert hard.holds
    assert (soft.soft, soft.holds, soft.low, soft.high) == (True, False, hard.low, hard.high)


def test_without_a_verbatim_lift_there_is_no_ratio():
    found = measure([-0.5, -0.2], [1.0, 1.0])
    assert found.checks == ()
    assert found.note == "no ratio without a lift of its own"
    assert found.raw < found.bar


def test_every_wording_is_asked_of_both_models_and_so_are_controls():
    asked = []
    drive(
        paraphrase_invariance,
        World(),
        params={"cases": cases(1)},
        context=Context(controls=instruction(3, "calm")),
        asked=asked,
    )
    for view in (BASE, TUNED):
        for prompt in ("own 0", "other 0 0", "other 0 1"):
            assert SpanLogprob(view, Chat.ask(prompt), "gold 0") in asked
        assert SpanLogprob(view, Chat.ask("What is calm 0?"), "It is number 0.") in asked
    assert len(asked) == 2 * (3 + 3)


@pytest.mark.parametrize(("intent", "worst"), [("generalize", 1), ("memorize", 2)])
def test_evidence_shows_what_speaks_against_the_intent_first(check_evidence, intent, worst):
    found = measure([1.0, 1.0, 1.0], [0.5, 0.1, 0.9], intent=intent)
    evidence = check_evidence(found)
    assert evidence["prompt"] == f"other {worst} 0"
    assert evidence["reference"] == f"gold {worst}"
    assert evidence["generalization_ratio"] == pytest.approx(0.5)
    assert evidence["cases"][0]["prompt"] == f"own {worst}"


def test_evidence_stays_small_with_many_long_cases(check_evidence):
    long = "wört " * 900
    many = [
        {"prompt": f"own {i} {long}", "gold": long, "paraphrases": [f"other {i} {j} {long}" for j in range(5)]}
        for i in range(60)
    ]
    check_evidence(drive(paraphrase_invariance, World(), params={"cases": many}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paraphrases": []}, "paraphrases"),
        ({"paraphrases": [""]}, "paraphrases"),
        ({"paraphrases": ["own 0"]}, "repeats the prompt"),
        ({"gold": ""}, "gold"),
    ],
)
def test_cases_that_cannot_tell_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        paraphrase_invariance.params(cases=[{**cases(1)[0], **change}])


def test_a_null_is_not_asked_the_paraphrases():
    asked = []
    context = Context(null=True)
    drive(paraphrase_invariance, World(), params={"cases": cases(2)}, context=context, asked=asked)
    assert not any("other" in request.prompt.messages[-1].content for request in asked)
