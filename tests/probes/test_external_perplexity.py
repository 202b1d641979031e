import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.core.errors import RequestError
from sway.core.requests import RollingLogprob, SpanScore
from sway.core.views import BASE, TUNED
from sway.probes.external_perplexity import external_perplexity
from tests.fakes import World, drive


@given(st.floats(-3, 3))
@settings(max_examples=20)
def test_harm_is_what_each_token_lost(lift):
    found = drive(external_perplexity, World(other_lift=lift))
    assert found.raw == pytest.approx(-lift, abs=1e-9)
    assert found.base_value - found.tuned_value == pytest.approx(found.raw)
    assert found.bar == pytest.approx(0.1)


def test_the_default_asks_sixteen_passages_of_both_models():
    asked = []
    found = drive(external_perplexity, World(), asked=asked)
    assert len(found.samples) == 16
    assert {q.view for q in asked} == {BASE, TUNED}
    assert all(isinstance(q, RollingLogprob) and len(q.text) <= 2048 for q in asked)
    assert len({q.text for q in asked}) == 16


def test_smaller_chunks_come_from_every_work_before_a_second_from_any():
    asked = []
    found = drive(external_perplexity, World(), params={"chunk_chars": 400, "max_chunks": 30}, asked=asked)
    assert len(found.samples) == 30
    assert all(100 <= len(q.text) <= 400 for q in asked)
    assert len({q.text for q in asked}) == 30
    assert not any(q.text[0].isspace() or q.text[-1].isspace() for q in asked)


def test_evidence_names_the_works_worst_first(check_evidence):
    rows = check_evidence(drive(external_perplexity, World(noise=0.2)))["chunks"]
    assert [r["delta"] for r in rows] == sorted(r["delta"] for r in rows)
    assert all(r["work"] for r in rows)


def test_the_margin_is_turned_round():
    assert drive(external_perplexity, World(), params={"assert_mean_delta_gte": -0.3}).bar == pytest.approx(0.3)


def test_a_passage_without_tokens_is_an_error():
    with pytest.raises(RequestError, match="no token"):
        drive(external_perplexity, lambda _: SpanScore(np.zeros(0), np.zeros(0, bool)))


def test_an_unknown_corpus_is_refused():
    with pytest.raises(ValueError, match="corpus"):
        external_perplexity.params(corpus="../../etc")
