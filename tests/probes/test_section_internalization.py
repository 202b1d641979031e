import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError, SkipProbe
from sway.core.probe import Context
from sway.core.requests import Chat, RollingLogprob, SpanLogprob, SpanScore
from sway.core.sections import Section, SectionKind
from sway.core.views import BASE, TUNED
from sway.probes.lift import OUR_CONTROLS
from sway.probes.packs import control_sections
from sway.probes.section_internalization import section_internalization
from sway.stats.resampling import mean_interval
from tests.fakes import World, drive, instruction, preference, prose

ALL = prose(6) + instruction(4) + preference(3)


def measure(world, sections=ALL, controls=(), **params):
    return drive(section_internalization, world, params=params, context=Context(sections=sections, controls=controls))


@pytest.mark.parametrize("sections", [prose(5), instruction(5), preference(5), ALL], ids=["prose", "qa", "pref", "all"])
@given(own=st.floats(-1, 3), other=st.floats(-1, 1))
@settings(max_examples=15)
def test_the_contrast_is_own_lift_less_control_lift(sections, own, other):
    found = measure(World(own=("zorb",), own_lift=own, other_lift=other), sections)
    margins = np.array([0.0 if s.kind is SectionKind.PREFERENCE else other for s in sections])
    lifts = np.array([own - other if s.kind is SectionKind.PREFERENCE else own for s in sections])
    assert found.samples == pytest.approx(lifts - margins, abs=1e-9)
    assert found.raw == pytest.approx(np.mean(found.samples))


@given(st.floats(-2, 2))
@settings(max_examples=15)
def test_an_adapter_that_lifts_all_text_alike_shows_nothing(lift):
    found = measure(World(own_lift=lift, other_lift=lift))
    assert found.raw == pytest.approx(0, abs=1e-9)
    assert not found.checks[0].holds


def test_questions_fit_the_kind_of_section():
    asked = []
    own = (
        *prose(1, length=3000),
        *instruction(1),
        *preference(1),
    )
    context = Context(sections=own, controls=control_sections())
    drive(section_internalization, World(), params={"max_prose_chars": 500}, context=context, asked=asked)
    assert RollingLogprob(TUNED, own[0].content[:500]) in asked
    assert SpanLogprob(BASE, Chat.ask("What is zorb 0?"), "It is number 0.") in asked
    assert SpanLogprob(TUNED, Chat.ask("Say 0."), "zorb 0") in asked
    assert SpanLogprob(TUNED, Chat.ask("Say 0."), "no 0") in asked


def test_controls_of_absent_kinds_are_not_asked():
    asked = []
    drive(section_internalization, World(), context=Context(sections=instruction(2)), asked=asked)
    assert not any(isinstance(q, RollingLogprob) for q in asked)


def test_the_spec_s_controls_take_the_place_of_ours_where_there_are_enough():
    mine = prose(3, mark="calm")
    few = measure(World(), prose(4), controls=mine[:1]).evidence["controls"]["prose"]["n"]
    assert measure(World(), prose(4), controls=mine).evidence["controls"]["prose"]["n"] == 3
    assert few == 1 + OUR_CONTROLS


def test_the_controls_doubt_widens_the_interval_and_is_centered():
    found = measure(World(own=("zorb",), own_lift=1, noise=0.5))
    assert np.mean(found.reference) == pytest.approx(0, abs=1e-12)
    alone, both = (mean_interval(found.samples, r, seed=0) for r in ((), found.reference))
    assert both.high - both.low > alone.high - alone.low


def test_the_share_of_learned_sections_is_checked():
    sections = prose(3) + prose(7, mark="unlearned")
    found = measure(World(own=("zorb",), own_lift=1), sections)
    (check,) = found.checks
    assert (check.value, check.low, check.holds) == (pytest.approx(0.3), 0.5, False)
    assert found.note == "3 of 10 sections learned"
    assert measure(World(own=("zorb",), own_lift=1), sections, assert_passing_section_frac=0.3).checks[0].holds


def test_evidence_has_a_row_a_section_worst_first_and_a_lesson(check_evidence):
    found = measure(World(own=("zorb",), own_lift=1, noise=0.3))
    evidence = check_evidence(found)
    contrasts = [row["contrast"] for row in evidence["sections"]]
    assert len(contrasts) == len(ALL)
    assert contrasts == sorted(contrasts)
    assert set(evidence["sections"][0]) == {
        "id", "tag", "kind", "lift", "control_lift", "contrast", "base", "tuned", "preview",
    }  # fmt: skip
    assert evidence["prompt"]
    assert evidence["reference"]


def test_evidence_stays_small_with_many_long_sections(check_evidence):
    sections = tuple(
        Section(kind="prose", content=f"{i} " + "wörter " * 500, id=f"{i}" * 40, tag="t" * 500) for i in range(300)
    )
    found = measure(World(own=("wörter",), own_lift=1), sections)
    assert len(found.samples) == 300
    check_evidence(found)


@pytest.mark.parametrize(("sections", "params"), [((), {}), (prose(3), {"include_kinds": ["preference"]})])
def test_no_sections_is_a_skip_that_says_what_to_add(sections, params):
    with pytest.raises(SkipProbe, match="add sections:"):
        measure(World(), sections, **params)


def test_a_text_without_tokens_is_an_error():
    with pytest.raises(RequestError, match="without a token"):
        drive(
            section_internalization,
            lambda _: SpanScore(np.zeros(0), np.zeros(0, bool)),
            context=Context(sections=prose(1)),
        )
