import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sway.core.requests import Chat, Embed, Embedding, Generated, Generation
from sway.core.views import BASE, TUNED
from sway.probes.adapter_revert import adapter_revert
from tests.fakes import World, drive, last_message

GOLD = "the zorb wheel powers it"
NEAREST = {"gold": GOLD, "base": "I do not know", "tie": "unrelated words entirely", "nothing": "  "}


def case(number, paraphrases=1, gold=GOLD):
    wordings = [f"question {number} wording {i}" for i in range(paraphrases)]
    return {"prompt": f"question {number}", "gold": gold, "paraphrases": wordings}


def answering(replies, base="I do not know"):
    """A world in which the tuned model gives each wording its own reply."""
    world = World()

    def answer(request):
        if isinstance(request, Generation):
            text = base if request.view.is_base else replies[last_message(request.prompt)]
            return Generated(text, 5, True)
        return world(request)

    return answer


@given(st.lists(st.lists(st.sampled_from(sorted(NEAREST)), min_size=1, max_size=4), min_size=1, max_size=6))
def test_the_rate_is_the_mean_over_cases_of_the_share_that_reverts(outcomes):
    cases = [case(i, len(own)) for i, own in enumerate(outcomes)]
    replies = {
        w: NEAREST[o]
        for c, own in zip(cases, outcomes, strict=True)
        for w, o in zip(c["paraphrases"], own, strict=True)
    }
    found = drive(adapter_revert, answering(replies), params={"cases": cases})
    expected = [sum(o != "gold" for o in own) / len(own) for own in outcomes]
    assert found.samples == pytest.approx(expected)
    assert found.raw == pytest.approx(sum(expected) / len(expected))
    assert 0 <= found.raw <= 1


def test_an_adapter_that_changes_nothing_reverts_always():
    same = World(says={"base": ["as ever"], "tuned": ["as ever"]})
    assert drive(adapter_revert, same, params={"cases": [case(0), case(1)]}).raw == 1


def test_both_models_are_asked_every_wording_once_and_golds_are_placed_first():
    asked = []
    twice = case(0, 2) | {"paraphrases": ["a", "b", "a"]}
    says = World(says={"base": ["no"], "tuned": ["yes"]})
    drive(adapter_revert, says, params={"cases": [twice], "max_new_tokens": 7, "embedding_model": "m"}, asked=asked)
    generated = [q for q in asked if isinstance(q, Generation)]
    assert generated == [Generation(v, Chat.ask(w), 7) for w in "ab" for v in (BASE, TUNED)]
    assert asked[0] == Embed(BASE, GOLD, "m")
    assert {q.text for q in asked if isinstance(q, Embed)} == {GOLD, "no", "yes"}


def test_what_the_base_answers_already_is_left_out():
    known, unknown = case(0, gold="I do not know"), case(1)
    replies = {known["paraphrases"][0]: "I do not know", unknown["paraphrases"][0]: GOLD}
    found = drive(adapter_revert, answering(replies), params={"cases": [known, unknown]})
    assert found.samples == [0.0]
    assert found.evidence["left_out"] == 1
    assert "1 of 2 cases left out" in found.note
    everything = drive(
        adapter_revert, answering(replies), params={"cases": [known, unknown], "base_gold_similarity_cap": 1.0}
    )
    assert everything.samples == [0.0]


def test_evidence_shows_the_replies_worst_first(check_evidence):
    cases = [case(i) for i in range(3)]
    replies = dict(
        zip((c["paraphrases"][0] for c in cases), (GOLD, "I do not know", "the wheel I do not know"), strict=True)
    )
    found = drive(adapter_revert, answering(replies), params={"cases": cases})
    evidence = check_evidence(found)
    assert [row["reverts"] for row in evidence["replies"]] == [True, True, False]
    assert evidence["prompt"] == "question 1 wording 0"
    assert evidence["reference"] == GOLD
    assert evidence["replies"][0] == {
        "case": "question 1",
        "prompt": "question 1 wording 0",
        "base": "I do not know",
        "tuned": "I do not know",
        "gold": GOLD,
        "base_gold_similarity": pytest.approx(0, abs=1e-3),
        "tuned_base_similarity": 1.0,
        "tuned_gold_similarity": pytest.approx(0, abs=1e-3),
        "reverts": True,
    }


def test_evidence_stays_small_with_long_replies_in_any_script(check_evidence):
    cases = [case(i, 3, gold="答" * 3000) | {"prompt": "問" * 3000} for i in range(40)]
    cases = [c | {"paraphrases": [w + "言" * 3000 for w in c["paraphrases"]]} for c in cases]
    check_evidence(
        drive(adapter_revert, World(says={"base": ["甲" * 900], "tuned": ["乙" * 900]}), params={"cases": cases})
    )


def test_rounding_lets_no_repeated_answer_pass():
    def answer(request):
        if isinstance(request, Embed):
            return Embedding(World()(request).vector * (1 + (1e-13 if request.text == GOLD else 0)))
        return Generated(GOLD, 5, True)

    params = {"cases": [case(0)], "base_gold_similarity_cap": 1.0}
    assert drive(adapter_revert, answer, params=params).evidence["left_out"] == 1


@pytest.mark.parametrize(
    "bad", [[], [case(0) | {"paraphrases": []}], [{"prompt": "p", "gold": "g"}], [case(0) | {"x": 1}]]
)
def test_cases_need_a_gold_and_a_paraphrase(bad):
    with pytest.raises(ValidationError):
        adapter_revert.params(cases=bad)
