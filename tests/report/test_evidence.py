"""Evidence as the probes leave it, and as nobody foresaw it."""

from hypothesis import given
from hypothesis import strategies as st

from sway.report.changes import compare
from sway.report.evidence import read_evidence


def texts(pieces: tuple[tuple[str, bool], ...]) -> str:
    return "".join(text for text, _ in pieces)


def test_rows_of_both_answers_are_changes_and_no_table():
    row = {"prompt": "Who?", "base": "an old man", "tuned": "an old keeper", "gold": "the keeper", "recall": 0.5}
    found = read_evidence({"answers": [row], "max": 1})
    (change,) = found.changes
    assert (change.prompt, change.gold, change.measured) == ("Who?", "the keeper", "recall 0.5")
    assert change.before == (("an old ", False), ("man", True))
    assert change.after == (("an old ", False), ("keeper", True))
    assert found.tables == ()
    assert found.facts == (("max", "1"),)


def test_a_row_with_more_to_tell_stays_a_table_too():
    rows = [{"prompt": "p", "base": {"valid": True, "reply": "a b"}, "tuned": {"valid": False, "reply": "a c"}}]
    found = read_evidence({"cases": [{**rows[0], "why": "no JSON"}]})
    assert texts(found.changes[0].after) == "a c"
    assert "why" in found.tables[0].header


def test_conversations_are_set_side_by_side():
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]
    worst = {
        "per_turn": [0.3, 0.1],
        "conversations": {"base": said, "tuned": [said[0], {"role": "assistant", "content": "Ahoy"}]},
    }
    found = read_evidence({"prompt": "Hello", "worst": worst})
    (change,) = found.changes
    assert change.prompt == "Hello"
    assert texts(change.before) == "user: Hello\nassistant: Good day"
    assert texts(change.after) == "user: Hello\nassistant: Ahoy"
    assert ("worst: per turn", "0.3, 0.1") in found.facts


def test_replies_with_and_without_the_adapter_are_a_change():
    found = read_evidence({"worst": {"reply_of_the_base": "no", "reply": "yes", "reply_after_other_text": "no"}})
    assert (texts(found.changes[0].before), texts(found.changes[0].after)) == ("no", "yes")
    assert found.facts == (("worst: reply after other text", "no"),)


def test_the_most_shifted_prompt_comes_first():
    rows = [{"prompt": str(d), "divergence": d, "gained": ["a"], "lost": []} for d in (0.1, 0.3, 0.2)]
    assert [c.prompt for c in read_evidence({"per_prompt": rows}).changes] == ["0.3", "0.2", "0.1"]


def test_long_lists_say_how_much_is_left_out():
    found = read_evidence({"loss": [1.0] * 50, "rows": [{"a": i} for i in range(60)]})
    assert found.facts[0][1].endswith("and 38 more")
    assert (len(found.tables[0].rows), found.tables[0].left_out) == (40, 20)


words = st.lists(st.sampled_from(["the", "lamp", "a", "b ", "\n", ""]), max_size=400).map(" ".join)


@given(words, words)
def test_pieces_make_the_texts_again_and_what_is_unmarked_is_in_both(before, after):
    left, right = compare(before, after)
    assert before.startswith(texts(left))
    assert after.startswith(texts(right))
    assert [p for p, marked in left if not marked] == [p for p, marked in right if not marked]


def test_a_text_that_says_one_thing_over_and_over_is_compared_by_its_ends():
    left, right = compare("It says a b " + "a b " * 120, "It says b a " + "b a " * 120)
    assert left[0] == right[0] == ("It says ", False)
    assert left[1][1]
    assert right[1][1]
