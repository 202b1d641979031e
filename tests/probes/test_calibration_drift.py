from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError
from sway.core.requests import SpanLogprob, SpanScore
from sway.core.views import BASE, TUNED
from sway.probes.calibration_drift import calibration_drift
from sway.probes.packs import general_knowledge
from tests.fakes import World, drive


def measure(world=None, asked=None, **params):
    return drive(calibration_drift, world or World(), params=params, asked=asked)


def answering(levels):
    """A model that gives the endings of the items (base, tuned) nats a token, by their gold answers."""

    def answer(request):
        base, tuned = levels[request.completion.strip()]
        return SpanScore(np.full(3, base if request.view.is_base else tuned), np.zeros(3, bool))

    return answer


def own(levels):
    return [{"prompt": f"The answer {name} is", "gold": name} for name in levels]


LEVEL = st.floats(-12, 0)


@given(st.lists(st.tuples(LEVEL, LEVEL), min_size=1, max_size=30), st.floats(0.1, 5))
@settings(max_examples=60, deadline=None)
def test_forgotten_is_what_the_base_knew_and_the_tuned_model_lost(pairs, nats):
    levels = {f"a{i}": pair for i, pair in enumerate(pairs)}
    found = drive(calibration_drift, answering(levels), params={"items": own(levels), "regression_nats": nats})
    known = [(b, t) for b, t in pairs if b >= -5]
    counted = known if len(known) >= min(8, (len(pairs) + 1) // 2) else pairs
    assert len(found.samples) == len(counted)
    assert found.raw == pytest.approx(np.mean(found.samples))
    assert found.raw == pytest.approx(np.mean([t - b < -nats for b, t in counted]))
    assert found.checks[0].value == pytest.approx(np.mean([t - b for b, t in counted]))
    assert bool(found.measures) == (counted is pairs and len(known) < len(pairs) / 2)


@given(st.floats(0, 3))
@settings(max_examples=10, deadline=None)
def test_a_model_that_is_no_worse_anywhere_forgets_nothing(lift):
    found = measure(World(other_lift=lift))
    assert found.raw == 0
    assert found.checks[0].holds


def test_what_was_never_known_cannot_be_forgotten():
    levels = {f"known{i}": (-1.0, -1.2) for i in range(8)} | {f"unknown{i}": (-9.0, -13.0) for i in range(8)}
    found = drive(calibration_drift, answering(levels), params={"items": own(levels)})
    assert (found.raw, len(found.samples)) == (0, 8)
    assert found.note == "the base knows 8 of 16 items"


def test_few_facts_that_are_known_are_not_hidden_among_many_that_are_not():
    levels = {f"known{i}": (-1.0, -9.0) for i in range(8)} | {f"unknown{i}": (-9.0, -9.0) for i in range(92)}
    assert drive(calibration_drift, answering(levels), params={"items": own(levels)}).raw == 1


def test_the_whole_pack_is_asked_of_both_models_as_running_text():
    asked = []
    found = measure(asked=asked)
    assert len(found.samples) == 200
    assert SpanLogprob(BASE, "The capital of France is", " Paris") in asked
    assert SpanLogprob(TUNED, "The capital of France is", " Paris") in asked
    assert len(set(asked)) == 400


@pytest.mark.parametrize("limit", [10, 25])
def test_a_limit_takes_evenly_from_the_subjects(limit):
    asked = []
    measure(asked=asked, items_limit=limit)
    prompts = {q.prompt for q in asked}
    counts = Counter(f.topic for f in general_knowledge() if f.prompt in prompts)
    assert sum(counts.values()) == limit
    assert max(counts.values()) - min(counts.values()) <= 1
    again = []
    measure(asked=again, items_limit=limit)
    assert asked == again


def test_a_prompt_that_ends_in_a_space_or_a_line_is_continued_as_it_is():
    asked = []
    measure(asked=asked, items=[{"prompt": "Q: what?\nA:\n", "gold": "it"}, {"prompt": "It is", "gold": "so"}])
    assert {q.completion for q in asked} == {"it", " so"}


def test_evidence_names_the_worst_first_and_the_subjects(check_evidence):
    found = measure(World(own=("capital",), own_lift=-3.0, noise=0.1))
    evidence = check_evidence(found)
    deltas = [row["delta"] for row in evidence["worst_offenders"]]
    assert deltas == sorted(deltas)
    assert all("capital" in row["prompt"] for row in evidence["worst_offenders"][:10])
    assert min(evidence["topics"], key=evidence["topics"].get) == "geography"
    assert len(evidence["topics"]) == 10
    assert evidence["prompt"] == evidence["worst_offenders"][0]["prompt"]
    assert evidence["reference"] == evidence["worst_offenders"][0]["gold"]
    assert evidence["fraction_regressed"] == pytest.approx(found.raw)


def test_evidence_stays_small_with_many_long_items(check_evidence):
    items = [{"prompt": f"{i} " + "wörter " * 500, "gold": "längere Antwort " * 200} for i in range(300)]
    assert len(measure(items=items).samples) == 300
    check_evidence(measure(items=items))


def test_an_ending_without_tokens_is_an_error():
    with pytest.raises(RequestError, match="'so' has no token"):
        drive(
            calibration_drift,
            lambda _: SpanScore(np.zeros(0), np.zeros(0, bool)),
            params={"items": [{"prompt": "It is ", "gold": "so"}]},
        )


@pytest.mark.parametrize("bad", [{"pack": "none"}, {"items_limit": 0}, {"regression_nats": 0}, {"items": [{"a": 1}]}])
def test_parameters_out_of_bounds_are_refused(bad):
    with pytest.raises(ValueError, match="validation error"):
        calibration_drift.params(**bad)
