import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import SkipProbe
from sway.core.probe import Context
from sway.core.requests import Generation, SpanLogprob
from sway.core.views import TUNED
from sway.probes.leakage import leakage
from sway.stats.text import PERTURBATIONS, split_between_words
from tests.fakes import World, drive, instruction, prose

SECTIONS = prose(5)
OPENINGS = tuple(split_between_words(s.content.strip(), 128)[0] for s in SECTIONS)


def measure(base=0.0, tuned=0.0, changed=0.0, asked=None, openings=OPENINGS, **params):
    world = World(recall={"base": base, "tuned": tuned, "changed": changed}, openings=openings)
    return drive(leakage, world, params=params, context=Context(sections=SECTIONS), asked=asked)


@given(*(st.floats(0, 1) for _ in range(3)))
@settings(max_examples=40)
def test_harm_is_a_rate_and_never_above_what_was_added(base, tuned, changed):
    found = measure(base, tuned, changed)
    added = max(found.tuned_value - found.base_value, 0)
    assert 0 <= found.raw <= added + 1e-9
    assert found.raw == pytest.approx(np.mean(found.samples))


@given(st.floats(0, 1))
@settings(max_examples=10)
def test_what_the_base_recites_already_is_no_harm(recall):
    assert measure(recall, recall, recall).raw == 0


def test_recall_that_survives_changes_is_harm_and_fragile_recall_is_not():
    assert measure(tuned=1.0, changed=0.9).raw == pytest.approx(1.0)
    assert measure(tuned=1.0, changed=0.2).raw == 0
    assert measure(tuned=1.0, changed=0.2, min_fragility=0.9).raw == pytest.approx(1.0)


def test_openings_are_changed_only_where_the_text_is_recited():
    asked = []
    measure(tuned=0.4, asked=asked)
    assert len(asked) == 2 * len(SECTIONS)
    asked = []
    measure(tuned=0.9, changed=0.9, asked=asked, openings=OPENINGS[:1])
    # The fake recites `changed` for every opening but the first.
    changed = [q for q in asked[2 * len(SECTIONS) :] if isinstance(q, SpanLogprob)]
    assert all(q.view == TUNED for q in changed)
    assert len(changed) <= len(SECTIONS) * len(PERTURBATIONS)
    assert sum(isinstance(q, Generation) for q in asked) == 3


def test_the_changes_repeat_and_depend_on_the_seed():
    def openings(seed):
        asked = []
        world = World(recall={"tuned": 1.0, "changed": 1.0}, openings=OPENINGS)
        drive(leakage, world, context=Context(sections=SECTIONS, seed=seed), asked=asked)
        return asked

    assert openings(1) == openings(1)
    assert openings(1) != openings(2)


def test_evidence_shows_the_worst_first_with_what_was_recited(check_evidence):
    found = measure(tuned=1.0, changed=1.0, openings=OPENINGS[2:3])
    rows = check_evidence(found)["sections"]
    assert [row["recall"] for row in rows] == sorted((row["recall"] for row in rows), reverse=True)
    assert rows[0]["recited"] == "recited text"
    assert rows[0]["fragility"] == 0
    assert "5 of 5 sections recited" in found.note


@pytest.mark.parametrize("sections", [(), instruction(3), prose(2, length=140)])
def test_too_little_prose_is_a_skip(sections):
    with pytest.raises(SkipProbe, match="160 characters"):
        drive(leakage, World(), context=Context(sections=sections))


def test_an_unknown_perturbation_is_refused():
    with pytest.raises(ValueError, match="perturbations"):
        leakage.params(perturbations=["shout"])
    assert set(leakage.params().perturbations) == set(PERTURBATIONS)
