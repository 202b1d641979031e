import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.requests import Chat, Generated, Generation
from sway.core.views import BASE, TUNED
from sway.probes.tool_use_fidelity import tool_use_fidelity
from tests.fakes import World, drive

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}, "required": ["q"]}
GOOD, BAD, STRANGE = '{"name": "search", "arguments": {"q": "x"}}', "no", '{"name": "find", "arguments": {}}'


def case(prompt="Find Oslo.", **changed):
    tool = {"name": "search", "parameters": SCHEMA}
    return {"prompt": prompt, "tool_spec": tool, "gold_tool_name": "search", **changed}


def measure(world, *cases, asked=None, **params):
    return drive(tool_use_fidelity, world, params={"cases": list(cases) or [case()], **params}, asked=asked)


def says(base, tuned):
    return World(says={"base": [base], "tuned": [tuned]})


REPLIES = st.lists(st.tuples(*[st.sampled_from([GOOD, BAD, STRANGE])] * 2), min_size=1, max_size=5)


@given(REPLIES)
@settings(deadline=None, max_examples=30)
def test_the_statistic_is_the_base_s_rate_less_the_tuned_model_s(replies):
    def answer(request):
        base, tuned = replies[int(request.prompt.messages[0].content)]
        return Generated(base if request.view.is_base else tuned, 5, True)

    found = measure(answer, *(case(str(i)) for i in range(len(replies))))
    assert set(found.samples) <= {-1, 0, 1}
    assert found.raw == pytest.approx(found.base_value - found.tuned_value)
    assert found.evidence["validity_delta"] == pytest.approx(-found.raw, abs=1e-5)
    made = [tuned for _, tuned in replies if tuned != BAD]
    assert found.evidence["hallucination_rate"] == pytest.approx(
        made.count(STRANGE) / len(made) if made else 0, abs=1e-5
    )
    swapped = measure(lambda q: answer(Generation(TUNED if q.view.is_base else BASE, q.prompt)), *(
        case(str(i)) for i in range(len(replies))
    ))  # fmt: skip
    assert swapped.raw == pytest.approx(-found.raw)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_reply_gives_a_measurement(text):
    found = measure(says(text, text))
    assert found.raw == 0
    json.dumps(found.evidence, allow_nan=False)


def test_both_models_are_asked_once_with_the_tools():
    asked = []
    measure(says(GOOD, GOOD), case(max_new_tokens=7), asked=asked)
    assert [q.view for q in asked] == [BASE, TUNED]
    assert all(isinstance(q.prompt, Chat) and q.max_new_tokens == 7 for q in asked)
    assert json.loads(asked[0].prompt.tools)[0]["function"]["parameters"] == SCHEMA


def test_arguments_are_compared_with_gold_or_else_with_the_base_s():
    other = '{"name": "search", "arguments": {"q": "y", "n": 1}}'
    against_base = measure(says(GOOD, other)).evidence
    assert against_base["mean_arg_disagreement"] == 1
    against_gold = measure(says(GOOD, other), case(gold_arguments={"q": "y"})).evidence
    assert against_gold["mean_arg_disagreement"] == 0.5
    assert json.loads(against_gold["reference"]) == {"name": "search", "arguments": {"q": "y"}}
    assert measure(says(BAD, other)).evidence["mean_arg_disagreement"] is None


def test_a_wrong_tool_of_those_offered_is_told_and_is_valid():
    tools = [{"name": "search", "parameters": SCHEMA}, {"name": "find"}]
    found = measure(says(GOOD, STRANGE), case(tool_spec=tools))
    assert found.raw == 0
    assert found.evidence["wrong_tool_rate"] == 1
    assert found.evidence["hallucination_rate"] == 0


def test_the_worst_case_comes_first_with_both_replies(check_evidence):
    def answer(request):
        broken = "7" in request.prompt.messages[0].content and not request.view.is_base
        return Generated(BAD if broken else GOOD, 5, True)

    evidence = check_evidence(measure(answer, *(case(f"Find {i}.") for i in range(10))))
    worst = evidence["cases"][0]
    assert evidence["prompt"] == worst["prompt"] == "Find 7."
    assert json.loads(evidence["reference"]) == {"name": "search", "arguments": {"q": "x"}}
    assert (worst["base"]["valid"], worst["base"]["reply"]) == (True, GOOD)
    assert worst["tuned"] == {"valid": False, "why": "holds no call that can be read", "reply": BAD}


def test_evidence_stays_small(check_evidence):
    text = "ü" * 3000
    check_evidence(measure(says(text, text), *(case(f"{i}" + text) for i in range(50))))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"gold_tool_name": "find"}, "gold_tool_name 'find' is not in tool_spec"),
        ({"gold_arguments": {"q": 3}}, "gold_arguments do not satisfy.*arguments.q"),
        ({"tool_spec": {"name": "search", "parameters": {"type": 3}}}, "is no JSON Schema"),
        ({"tool_spec": {"name": "search", "parameters": {"$ref": "http://x.test"}}}, "leads out"),
        ({"tool_spec": []}, "from 1 to"),
        ({"max_new_tokens": 0}, "greater than"),
    ],
)
def test_cases_that_cannot_be_asked_are_refused(changed, what):
    with pytest.raises(ValueError, match=what):
        measure(says(GOOD, GOOD), case(**changed))
