import numpy as np
import pytest

from sway.backends import build
from sway.backends.dummy import DummyBackend
from sway.backends.interface import Backend
from sway.core.model import ModelSpec
from sway.core.requests import Chat, Failure, Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.results import Determinism
from sway.core.views import BASE, TUNED, NullDraw, View
from tests.backends.conftest import ask

SPEC = ModelSpec(kind="dummy", base="none", adapter="nothing")
ASKED = [
    NextToken(TUNED, "a b", 16),
    NextToken(BASE, Chat.ask("a b"), 16),
    SpanLogprob(View(0.5), "a", "b c"),
    RollingLogprob(View(1.0, NullDraw(0, 3)), "a b c d"),
    Generation(TUNED, "a", 5),
    Generation(TUNED, "a", 5, temperature=1.0, seed=2),
]


def test_answers_are_well_formed_and_repeat():
    one, two = build(SPEC, SPEC), build(SPEC, SPEC)
    assert isinstance(one, Backend)
    first, second = ask(one, *ASKED), ask(two, *reversed(ASKED))[::-1]
    for left, right in zip(first, second, strict=True):
        assert str(left) == str(right)
    assert first[0].masses().sum() == pytest.approx(1)
    assert np.exp(np.append(first[0].logprobs, first[0].other)).sum() == pytest.approx(1)
    assert (first[0].ids == first[1].ids).all()
    assert first[2].tokens == 2
    assert len(first[4].text.split()) == 5
    assert one.stats().requests == len(ASKED)
    assert one.determinism(3).achieved is Determinism.STRICT
    assert one.refusal(ASKED[0]) is None
    assert one.identity().adapter_id == "nothing"
    one.preflight()
    one.close()


def distance(backend, view):
    base, other = ask(backend, NextToken(BASE, "a b", 512), NextToken(view, "a b", 512))
    return float(np.abs(base.logprobs - other.logprobs).mean())


def test_the_effect_is_set_and_scales():
    weak, strong = (DummyBackend(SPEC, SPEC, effect=e, noise=0.3) for e in (0.1, 2.0))
    assert distance(weak, TUNED) < distance(weak, View(1.0, NullDraw(0, 0))) < distance(strong, TUNED)
    assert distance(strong, View(0.5)) < distance(strong, TUNED) < distance(strong, View(2.0))
    assert distance(strong, BASE) == 0


def test_faults_are_failures():
    answers = ask(build(SPEC, SPEC), NextToken(TUNED, ""), SpanLogprob(TUNED, "a", " "))
    assert all(isinstance(answer, Failure) for answer in answers)
