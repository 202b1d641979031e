import re

import numpy as np
import pytest
import yaml

from sway.backends.dummy import DummyBackend
from sway.backends.interface import Answered
from sway.core.errors import SwayError
from sway.core.model import ModelSpec
from sway.core.requests import Embed, Embedding, Failure, NextToken, SpanLogprob, SpanScore
from sway.core.sections import QA
from sway.engine.progress import Silent
from sway.mine.asking import run
from sway.mine.outliers import mine_outliers, openings
from sway.mine.paraphrases import mine_paraphrases
from sway.suite.loader import spec_from_text
from tests.fakes import distribution

CASES = [
    QA(prompt="What is the main road?", gold="It is the north road."),
    QA(prompt="Who keeps it?", gold="Tam does."),
]


class Backend(DummyBackend):
    """The adapter knows an answer by 2 nats a token, but not after a question with one of the `lost` words."""

    def __init__(self, lost=(), fails=(), refuses=()):
        super().__init__(ModelSpec(base="m"), ModelSpec(base="m"))
        self.lost, self.fails, self.refuses = lost, fails, refuses
        self.asked = []

    def refusal(self, request):
        return "it is not for this model" if isinstance(request, self.refuses) else None

    def answer(self, requests):
        self.asked += requests
        return (Answered(r, self.reply(r)) for r in requests)

    def reply(self, request):
        if isinstance(request, Embed):
            return Embedding(np.array([float(len(request.text)), sum(map(ord, request.text)) % 97 / 97]))
        if isinstance(request, NextToken):
            moved = 0.0 if request.view.is_base else (3.0 if "odd" in request.prompt else 0.1)
            return Failure("too long") if request.prompt in self.fails else distribution(moved)
        assert isinstance(request, SpanLogprob)
        text = request.prompt.messages[0].content
        if any(word in text for word in self.fails):
            return Failure("too long")
        knows = not request.view.is_base and not any(word in text for word in self.lost)
        return SpanScore(np.full(4, -3.0 + 2.0 * knows), np.zeros(4, dtype=bool))


def paraphrases(backend, **changes):
    settings = {"candidates": 30, "top": 5, "seed": 0, "by_meaning": True, **changes}
    return run(mine_paraphrases(CASES, **settings), backend, Silent())


def test_the_wordings_that_lose_the_answer_are_found():
    found = paraphrases(Backend(lost=["brief", "friend"]))
    assert found
    assert all(re.search("brief|friend", m.prompt) for m in found)
    assert {m.of for m in found} == {0, 1}
    assert all(m.score == pytest.approx(2.0) for m in found)


def test_an_adapter_that_loses_nothing_yields_nothing():
    assert paraphrases(Backend()) == []


def test_wordings_that_cannot_be_scored_are_passed_over():
    assert all("brief" not in m.prompt for m in paraphrases(Backend(lost=["brief", "friend"], fails=["brief"])))
    assert {m.of for m in paraphrases(Backend(lost=["brief", "friend"], fails=["main road"]))} == {1}


def test_where_nothing_could_be_asked_nothing_is_said_of_the_adapter():
    with pytest.raises(SwayError, match="nothing could be measured: too long"):
        paraphrases(Backend(lost=["brief"], fails=["main road", "keeps it", ""]))
    with pytest.raises(SwayError, match="nothing could be measured: too long"):
        run(mine_outliers(["one", "two"], top=3, top_k=8), Backend(fails=["one", "two"]), Silent())


def test_the_wordings_asked_about_are_those_most_unlike():
    backend = Backend()
    paraphrases(backend, top=2)
    asked = {r.prompt.messages[0].content for r in backend.asked if isinstance(r, SpanLogprob)}
    made = [r.text for r in backend.asked if isinstance(r, Embed)]
    assert len(asked) == len(CASES) * (1 + 2 * 2)
    assert len(made) > 40
    assert max(made, key=len) in asked


def test_without_an_embedder_the_first_wordings_are_asked():
    backend = Backend(lost=["brief"], refuses=Embed)
    with pytest.raises(SwayError, match="not for this model"):
        paraphrases(backend)
    assert paraphrases(backend, by_meaning=False, top=10)


def test_the_prompts_that_move_most_are_found():
    prompts = ["an odd one", *(f"prompt {i}" for i in range(8)), "lost"]
    found = run(mine_outliers(prompts, top=3, top_k=8), Backend(fails=["lost"]), Silent())
    assert found[0].prompt == "an odd one"
    assert len(found) == 3
    assert found[0].score > 5 * found[1].score


def test_prompts_are_taken_from_every_text():
    texts = [f"Text {i} says " + "many words here " * 6 + ". And again text " + "goes on " * 9 for i in range(3)]
    assert [p.split()[1] for p in openings(texts, 4)] == ["0", "1", "2", "again"]


@pytest.fixture
def spec(tmp_path):
    model = {"kind": "dummy", "base": "m"}
    cases = [{"prompt": c.prompt, "gold": c.gold, "paraphrases": ["Tell me."]} for c in CASES]
    suite = [{"name": "a", "kind": "paraphrase_invariance", "cases": cases}]
    path = tmp_path / "sway.yaml"
    (tmp_path / "adapter").mkdir()
    models = {"base": model, "ft": {**model, "adapter": "adapter"}}
    path.write_text(yaml.safe_dump({"version": 1, "models": models, "suite": suite}))
    return path


@pytest.mark.parametrize("options", [(), ("--mode", "outliers", "--from-corpus", "public_domain_en")])
def test_what_is_printed_can_be_pasted_into_the_suite(spec, call, options):
    ran = call("mine", spec, "--top-k", "4", *options)
    assert ran.code == 0, ran.err
    assert call("mine", spec, "--top-k", "4", *options).out == ran.out
    data = yaml.safe_load(spec.read_text())
    data.pop("suite")
    pasted = spec_from_text(f"{yaml.safe_dump(data)}suite:\n{ran.out}", path=spec)
    (entry,) = pasted.spec.suite
    assert entry.name.startswith("mined_")


@pytest.mark.parametrize("mode", ["paraphrase", "outliers"])
def test_questions_that_are_all_too_long_for_the_model_are_no_verdict(spec, call, zoo, tmp_path, mode):
    long = "Who keeps the road? " * 2000
    cases = [{"prompt": long, "gold": "Tam does.", "paraphrases": ["Tell me."]}]
    suite = [{"name": "a", "kind": "paraphrase_invariance", "cases": cases}]
    suite += [{"name": "b", "kind": "delta_kl", "prompts": [long]}]
    base = {"kind": "hf", "base": str(zoo.base)}
    models = {"base": base, "ft": {**base, "adapter": str(zoo.adapter("healthy"))}}
    spec.write_text(yaml.safe_dump({"version": 1, "models": models, "suite": suite}))
    ran = call("mine", spec, "--mode", mode, "--n-candidates", 3, "-o", tmp_path / "found.yaml", "--threads", 1)
    assert (ran.code, ran.out) == (3, ""), ran
    assert "nothing could be measured: " in ran.err
    assert not (tmp_path / "found.yaml").exists()


def test_another_seed_makes_other_wordings_and_a_file_is_never_replaced(spec, call, tmp_path):
    few = ("--n-candidates", 3)
    first, second = (call("mine", spec, "--seed", seed, *few).out for seed in (1, 2))
    assert first != second
    out = tmp_path / "found.yaml"
    assert call("mine", spec, "--seed", "1", *few, "-o", out).code == 0
    assert out.read_text() == first
    ran = call("mine", spec, "-o", out)
    assert (ran.code, "there is a file already" in ran.err) == (2, True)


def test_what_cannot_be_mined_is_one_line(spec, call):
    bare = {"name": "a", "kind": "adapter_ablation", "prompts": ["one"]}
    for suite, options, said in [
        ([bare], (), "there is no question with an answer"),
        ([{"name": "a", "kind": "leakage"}], ("--mode", "outliers"), "there is no prompt to mine from"),
        ([bare], ("--from-corpus", "public_domain_en"), "goes with --mode outliers"),
        ([bare], ("--mode", "other"), "--mode"),
    ]:
        data = yaml.safe_load(spec.read_text())
        spec.write_text(yaml.safe_dump({**data, "suite": suite}))
        ran = call("mine", spec, *options)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1)
        assert said in ran.err
