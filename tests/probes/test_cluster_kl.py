import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import SkipProbe
from sway.core.probe import Context
from sway.core.requests import Embed, NextToken
from sway.core.views import BASE, TUNED, NullDraw
from sway.probes.cluster_kl import cluster_kl
from tests.fakes import World, drive

SUBJECTS = {
    "mill": "the zorb mill wheel turns",
    "sea": "ships sail the wide blue sea",
    "bread": "bakers knead warm dough",
}
PROMPTS = [f"{text} {i}" for text in SUBJECTS.values() for i in range(8)]
SPECIFIC = World(shift={0: 0, 1: 1}, own=("zorb",), own_shift=3)
BLUNT = World(shift={0: 0, 1: 1}, spread=0.5)


def measure(world, prompts=PROMPTS, **params):
    return drive(cluster_kl, world, params={"prompts": prompts, "num_clusters": 3, **params})


def test_a_change_of_one_subject_is_specific_and_a_change_of_all_is_not():
    assert measure(SPECIFIC).raw > 0.9
    assert abs(measure(BLUNT).raw) < 0.3
    assert measure(SPECIFIC).bar == 0.6


@given(st.permutations(PROMPTS), st.integers(0, 4))
@settings(max_examples=15)
def test_neither_the_order_nor_a_repetition_of_prompts_moves_the_number(prompts, repeated):
    assert measure(SPECIFIC, prompts + prompts[:repeated]).raw == measure(SPECIFIC).raw


@given(st.floats(0.2, 4), st.floats(0, 1), st.integers(2, 8))
@settings(max_examples=25)
def test_the_statistic_is_bounded_and_its_samples_stand_for_it(own, spread, clusters):
    found = measure(World(shift={0: 0, 1: 1}, own=("zorb",), own_shift=own, spread=spread), num_clusters=clusters)
    assert found.raw <= 1
    if found.samples:
        assert np.mean(found.samples) == pytest.approx(found.raw)
        assert len(found.samples) == len(PROMPTS)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_noise_is_specific_to_nothing(number):
    """A change that varies from prompt to prompt without regard to the subject."""
    prompts = [f"{text} {number} {i}" for text in SUBJECTS.values() for i in range(8)]
    assert measure(World(shift={0: 0, 1: 1}, spread=0.5), prompts).raw < 0.6


def test_a_null_is_asked_about_the_same_subjects():
    asked = []
    draw = NullDraw(1, 2)
    drive(cluster_kl, BLUNT, params={"prompts": PROMPTS, "embedding_model": "m"}, asked=asked, draw=draw)
    places = [q for q in asked if isinstance(q, Embed)]
    assert places == [Embed(BASE, p, "m") for p in sorted(PROMPTS)]
    views = {q.view for q in asked if isinstance(q, NextToken)}
    assert views == {BASE, TUNED.under(draw)}


@pytest.mark.parametrize("world", [World(), World(shift={0: 0, 1: 1}, spread=0)], ids=["no change", "all alike"])
def test_no_spread_has_nothing_to_tell(world):
    found = measure(world)
    assert (found.raw, found.bar) == (0.0, None)
    assert [c.name for c in found.checks if not c.holds] == ["spread_of_divergences"]


def test_too_few_prompts_are_a_skip_with_the_number():
    with pytest.raises(SkipProbe, match="there are 8 distinct prompts, fewer than 20"):
        measure(SPECIFIC, PROMPTS[:8] * 3)
    assert measure(SPECIFIC, PROMPTS[:6] + PROMPTS[8:14], min_prompts=12).samples


def test_there_are_no_more_subjects_than_places_or_a_third_of_the_prompts(check_evidence):
    def subjects(prompts, **params):
        return len(check_evidence(measure(World(spread=0.5, shift={0: 0, 1: 1}), prompts, **params))["subjects"])

    assert subjects(PROMPTS, num_clusters=32) == 8
    assert subjects([f"same{' ' * i}words" for i in range(12)] + ["other"] * 12 + ["b " * i for i in range(1, 12)]) <= 3


def test_evidence_names_the_subjects_most_moved_first(check_evidence):
    evidence = check_evidence(measure(SPECIFIC))
    means = [row["mean_divergence"] for row in evidence["subjects"]]
    assert means == sorted(means, reverse=True)
    assert all("zorb" in example for example in evidence["subjects"][0]["examples"])
    assert sum(row["prompts"] for row in evidence["subjects"]) == len(PROMPTS)
    assert "zorb" not in evidence["prompt"]
    assert evidence["reference"]
    assert evidence["between_share"] >= evidence["specificity"]


def test_evidence_stays_small_with_many_long_prompts_in_any_script(check_evidence):
    prompts = [f"{i} {i % 40} " + "語" * 500 for i in range(200)]
    check_evidence(measure(BLUNT, prompts, num_clusters=32))


def test_the_suite_s_support_is_used():
    asked = []
    context = Context(top_k=32)
    drive(cluster_kl, BLUNT, params={"prompts": PROMPTS}, context=context, asked=asked)
    assert {q.top_k for q in asked if isinstance(q, NextToken)} == {32}
