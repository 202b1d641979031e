import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import SkipProbe
from sway.core.probe import Context
from sway.core.requests import Chat, Generated, Generation
from sway.core.sections import Section
from sway.core.views import BASE, TUNED
from sway.probes.style_fingerprint import style_fingerprint
from tests.fakes import World, drive, instruction, jitter, last_message

TERSE = [
    "Fill it. Turn it on. Wait. Check the dial.",
    "Stop the pump. Drain it. Close the valve.",
    "Look. Write it down. Go on.",
]
WORDY = [
    "It would be advisable, under most circumstances, to consider filling the reservoir before one attempts to turn "
    "the apparatus on, and to wait patiently, for some considerable time, until the instrument indicates readiness.",
    "One might reasonably suppose that the machinery, having been stopped, requires careful draining, after which the "
    "valve, whose condition deserves attention, ought to be closed by whoever happens to be responsible.",
]
MIDDLING = [
    "Fill the large tank with water. Then turn the old engine on.",
    "Now open the valve by hand. Wait until it is warm.",
]
DOCUMENT = " ".join(TERSE * 4)
PROMPTS = [f"How is step {i} done?" for i in range(8)]
PARAMS = {"prompts": PROMPTS, "doc_reference": DOCUMENT, "extended": "off"}


def answering(base, tuned, finished=True):
    """Each model answers from its list, by the prompt."""

    def answer(request):
        replies = base if request.view.is_base else tuned
        return Generated(replies[int(abs(jitter(last_message(request.prompt))) * len(replies))], 5, finished)

    return answer


def test_taking_on_the_document_s_style_is_a_shift_and_staying_is_none():
    taken = drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS)
    assert 0.7 < taken.raw < 1.3
    assert taken.checks[0].holds
    assert np.mean(taken.samples) == pytest.approx(taken.raw)
    stayed = drive(style_fingerprint, answering(WORDY, WORDY), params=PARAMS)
    assert stayed.raw == 0
    assert not stayed.checks[0].holds


def test_moving_away_is_negative():
    away = drive(style_fingerprint, answering(MIDDLING, WORDY), params=PARAMS)
    assert away.raw < 0


@pytest.mark.parametrize(
    "babble",
    [["zxq " * 100], ["the the the the"] * 3, [", . ; ! " * 40 + "a"], ["Verylongwordthatnevercomestoanyend" * 30]],
)
def test_babble_does_not_pass_even_where_it_moves_the_right_way(babble):
    found = drive(style_fingerprint, answering(WORDY, babble), params=PARAMS)
    assert found.raw < found.bar or not found.checks[0].holds


@given(st.lists(st.text(alphabet="abcde .,!I'", max_size=80), min_size=1, max_size=4))
@settings(max_examples=60)
def test_random_answers_give_finite_numbers(tuned):
    found = drive(style_fingerprint, answering(WORDY, tuned), params=PARAMS)
    assert np.isfinite([found.raw, *found.samples]).all()
    left = found.evidence["share_of_the_way_left"]
    if all(not any(c.isalpha() for c in text) for text in tuned):
        assert (found.raw, left) == (0, 1)


def test_both_models_are_asked_each_prompt_once():
    asked = []
    params = PARAMS | {"prompts": ["a", "b", "a"], "max_new_tokens": 20}
    drive(style_fingerprint, answering(WORDY, TERSE), params=params, asked=asked)
    assert asked == [Generation(v, Chat.ask(p), 20) for v in (BASE, TUNED) for p in "ab"]


def test_a_last_sentence_that_was_cut_short_does_not_count():
    # With the limit reached, the base's only sentence is all there is to go by.
    cut = [text + " And then one" for text in TERSE]
    whole = drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS)
    assert drive(style_fingerprint, answering(WORDY, cut, finished=False), params=PARAMS).samples == whole.samples
    assert drive(style_fingerprint, answering(WORDY, cut), params=PARAMS).samples != whole.samples


def test_the_document_is_the_prose_of_the_sections_unless_given():
    sections = (Section(kind="prose", content=DOCUMENT), *instruction(2))
    params = {"prompts": PROMPTS, "extended": "off"}
    by_sections = drive(style_fingerprint, answering(WORDY, TERSE), params=params, context=Context(sections=sections))
    assert by_sections.raw == drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS).raw


@pytest.mark.parametrize(("text", "words"), [("too short", 2), ("1 2 3 " * 100, 0)])
def test_a_short_document_is_a_skip_with_the_number(text, words):
    with pytest.raises(SkipProbe, match=f"has {words} words, fewer than 50"):
        drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS | {"doc_reference": text})


def test_prompts_that_the_base_does_not_answer_are_left_out(check_evidence):
    found = drive(style_fingerprint, answering(["", *WORDY], TERSE), params=PARAMS)
    evidence = check_evidence(found)
    assert 0 < evidence["left_out"] == len(PROMPTS) - len(found.samples)
    with pytest.raises(SkipProbe, match="answers none"):
        drive(style_fingerprint, answering(["..."], TERSE), params=PARAMS)


def test_empty_answers_have_moved_nowhere():
    found = drive(style_fingerprint, answering(WORDY, [" "]), params=PARAMS)
    assert found.samples == [0.0] * len(PROMPTS)


def test_a_base_that_writes_like_the_document_has_nowhere_to_go():
    found = drive(style_fingerprint, answering([DOCUMENT], WORDY), params=PARAMS)
    assert found.bar is None
    assert found.checks[0].soft
    assert not found.checks[0].holds


def test_evidence_has_the_fingerprints_and_the_answers(check_evidence):
    for extended, size, version in (("off", 6, 1), ("on", 9, 2), ("auto", 9, 2)):
        found = drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS | {"extended": extended})
        evidence = check_evidence(found)
        assert evidence["schema_version"] == version
        assert {name: len(style) for name, style in evidence["fingerprints"].items()} == {
            "base": size,
            "tuned": size,
            "document": size,
        }
    assert [row["shift"] for row in evidence["answers"]] == sorted(row["shift"] for row in evidence["answers"])
    assert evidence["prompt"] == evidence["answers"][0]["prompt"]
    assert evidence["reference"] == DOCUMENT[:600]


def test_without_spacy_auto_is_plain_and_on_is_a_skip(monkeypatch, check_evidence):
    monkeypatch.setattr("sway.probes.style_fingerprint.find_spec", lambda _: None)
    found = drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS | {"extended": "auto"})
    assert check_evidence(found)["schema_version"] == 1
    with pytest.raises(SkipProbe, match=r"spacy is not installed \(run: pip install"):
        drive(style_fingerprint, answering(WORDY, TERSE), params=PARAMS | {"extended": "on"})


def test_evidence_stays_small_with_long_answers_in_any_script(check_evidence):
    texts = ["語" * 2000, "字句 " * 900]
    params = PARAMS | {"prompts": [f"{i} " + "問" * 900 for i in range(60)], "doc_reference": "文字 " * 2000}
    check_evidence(drive(style_fingerprint, answering(texts, TERSE), params=params))
    check_evidence(drive(style_fingerprint, World(says={"base": texts, "tuned": WORDY}), params=params))
