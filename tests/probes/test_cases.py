"""Runs `tests/cases/<probe>.yml`: a made-up model, adapter or training, and the verdict that it must get.

A case has `params`; `sections` and `controls` as {kind: [count, mark]}; `world`, the fields of
`tests.fakes.World`; `nulls`, how large the statistic is under 19 nulls; or `state` and `losses`, the
files of a training. `expect` names the verdict, and may name the reason and the checks that break.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sway.core.errors import SkipProbe, SwayError
from sway.core.probe import Context
from sway.core.views import NullDraw, NullFamily
from sway.engine.judge import Entry, Nulls, judge
from sway.probes.registry import REGISTRY
from sway.stats.text import split_between_words
from tests.fakes import World, drive, instruction, jitter, preference, prose

FOLDER = Path(__file__).parents[1] / "cases"
MAKERS = {"prose": prose, "instruction": instruction, "preference": preference}


def cases():
    for path in sorted(FOLDER.glob("*.yml")):
        for case in yaml.safe_load(path.read_text()):
            yield pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")


def sections(listing):
    return tuple(s for kind, (count, mark) in (listing or {}).items() for s in MAKERS[kind](count, mark))


def world(case, own):
    fields = dict(case.get("world", {}))
    openings = tuple(split_between_words(s.content.strip(), 128)[0] for s in own)
    recited = fields.pop("recited", len(openings))
    return World(**fields, openings=openings[:recited])


def write_files(case, folder):
    if "losses" in case:
        history = [{"step": i + 1, "loss": loss_at(case["losses"], i)} for i in range(case["losses"]["steps"])]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    if "state" in case:
        torch = pytest.importorskip("torch")
        variances = case["state"]["variances"]
        moments = {i: {"exp_avg_sq": torch.full((3,), float(v))} for i, v in enumerate(variances)}
        state = {"global_step": case["state"]["steps"], "optimizer_state_dict": {"state": moments}}
        torch.save(state, folder / "training_state.pt")


def loss_at(shape, step):
    """A decay from `start` toward `end` with time constant `tau`, some `noise`, and spikes."""
    value = shape["end"] + (shape["start"] - shape["end"]) * 2.718 ** (-step / shape.get("tau", 15))
    return value + shape.get("noise", 0) * jitter(step) + shape.get("spikes", {}).get(step, 0)


def outcome(probe, case, folder):
    own = sections(case.get("sections"))
    context = Context(sections=own, controls=sections(case.get("controls")), adapter=folder)
    write_files(case, folder)
    try:
        return drive(probe, world(case, own), params=case.get("params"), context=context)
    except (SkipProbe, SwayError) as stopped:
        return stopped


@pytest.mark.parametrize(("kind", "case"), list(cases()))
def test_case(kind, case, tmp_path, check_evidence):
    probe = REGISTRY[kind]
    found = outcome(probe, case, tmp_path)
    size = case.get("nulls")
    nulls = (
        None if size is None else Nulls({1.0: [size * (1 + 0.5 * jitter(i)) for i in range(19)]}, NullFamily.MATCHED)
    )
    entry = Entry(case["name"], probe, probe.params(**case.get("params", {})))
    result = judge(entry, found, nulls=nulls, alpha=0.05, seed=0, duration=0.0)
    expect = case["expect"]
    assert result.verdict == expect["verdict"], result.message
    assert result.reason == expect.get("reason", result.reason), result.message
    assert {c.name for c in result.checks if not c.holds} == set(expect.get("broken", ()))
    if result.verdict.measured:
        check_evidence(found)


def test_every_probe_that_measures_has_cases_of_each_kind():
    for kind in set(REGISTRY) - {"null_adapter"}:
        verdicts = {case["expect"]["verdict"] for case in yaml.safe_load((FOLDER / f"{kind}.yml").read_text())}
        assert "pass" in verdicts
        assert verdicts & {"fail", "warn"}, kind
        assert len(verdicts) >= 2, kind


@pytest.mark.parametrize(("kind", "case"), [c for c in cases() if REGISTRY[c.values[0]].calibrated])
def test_a_null_that_is_asked_for_its_statistic_alone_has_the_same(kind, case):
    own = sections(case.get("sections"))
    context = Context(sections=own, controls=sections(case.get("controls")))
    both = []
    for only in (False, True):
        asked = []
        try:
            found = drive(
                REGISTRY[kind],
                world(case, own),
                params=case.get("params"),
                context=replace(context, null=only),
                draw=NullDraw(0, 1),
                asked=asked,
            )
        except SkipProbe as stopped:
            found = stopped
        both.append((getattr(found, "raw", str(found)), set(asked)))
    (whole, all_asked), (alone, needed) = both
    assert alone == whole
    assert needed <= all_asked
