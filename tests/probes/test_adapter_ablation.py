import pytest

from sway.core.views import BASE, View
from sway.probes.adapter_ablation import adapter_ablation
from tests.fakes import World, drive

PROMPTS = {"prompts": ["a", "b", "c"]}


def holds(world, **params):
    found = drive(adapter_ablation, world, params=PROMPTS | params)
    return {c.name for c in found.checks if not c.holds}


@pytest.mark.parametrize("divergence", ["js", "kl"])
@pytest.mark.parametrize("size", [0.05, 0.5, 1, 2])
def test_a_response_in_proportion_is_healthy_whatever_its_size(size, divergence):
    assert holds(World(shift={0: 0, 2: 2 * size}), divergence=divergence) == set()


def test_a_bend_is_healthy():
    assert holds(World(shift={0: 0, 0.25: 0.8, 0.5: 1.6, 0.75: 2.2, 1: 2.6, 1.25: 2.9})) == set()
    assert holds(World(shift={0: 0, 0.25: 0.3, 0.5: 0.8, 0.75: 1.6, 1: 2.4, 1.25: 2.9})) == set()


def test_degenerate_responses_break_the_check_that_names_them():
    step = {0: 0, 0.25: 3, 1.25: 3}
    late = {0: 0, 0.75: 0.01, 1: 3, 1.25: 3}
    crash = {0: 0, 1: 2, 1.25: 0.5}
    early = {0: 0, 0.25: 5, 0.5: 5.1, 1.25: 5.2}
    assert {"linearity", "saturation_lambda"} <= holds(World(shift=step))
    assert "linearity" in holds(World(shift=late))
    assert {"overshoot", "largest_drop"} <= holds(World(shift=crash))
    assert {"linearity", "saturation_lambda", "overshoot"} <= holds(World(shift=early))


def test_an_adapter_without_effect_fails_and_says_so():
    found = drive(adapter_ablation, World(), params=PROMPTS)
    assert {"linearity", "saturation_lambda", "overshoot"} == {c.name for c in found.checks if not c.holds}
    assert found.note == "the adapter changes nothing at any lambda"


def test_every_lambda_is_a_view_and_zero_is_the_base(check_evidence):
    asked = []
    found = drive(adapter_ablation, World(shift={0: 0, 2: 2}), params=PROMPTS, asked=asked)
    assert {q.view for q in asked} == {BASE, *(View(x) for x in (0.25, 0.5, 0.75, 1, 1.25))}
    evidence = check_evidence(found)
    assert evidence["lambdas"] == [0, 0.25, 0.5, 0.75, 1, 1.25]
    assert evidence["mean_divergence"][0] == 0
    assert evidence["mean_divergence"] == sorted(evidence["mean_divergence"])


def test_without_a_lambda_beyond_one_there_is_no_overshoot_to_check():
    found = drive(adapter_ablation, World(shift={0: 0, 2: 2}), params=PROMPTS | {"lambdas": [0, 0.5, 1]})
    assert "overshoot" not in {c.name for c in found.checks}


@pytest.mark.parametrize("lambdas", [[0, 1, 0.5], [0, 0.5, 0.5, 1], [0, 1], [0, 1, 99], [-1, 0, 1]])
def test_lambdas_that_make_no_curve_are_refused(lambdas):
    with pytest.raises(ValueError, match="lambdas"):
        adapter_ablation.params(prompts=["a"], lambdas=lambdas)
