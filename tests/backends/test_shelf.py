"""One loaded base for several adapters: each answers as if it had been loaded alone."""

import shutil

import numpy as np
import pytest
import torch

from sway.backends import build
from sway.backends.files import base_folder, content_digest
from sway.backends.hf import backend as hf
from sway.backends.shelf import Shelf, base_key
from sway.core.errors import SwayError
from sway.core.model import ModelSpec
from sway.core.requests import Generation, NextToken, RollingLogprob
from sway.core.views import BASE, TUNED, NullDraw
from tests.backends.conftest import ALL_LINEAR, ask, open_backend

ASKED = (
    NextToken(BASE, "The river", 20),
    NextToken(TUNED, "The river", 20),
    NextToken(TUNED.under(NullDraw(3, 0)), "The river", 20),
    RollingLogprob(TUNED, "A baker mixes flour, water and salt."),
    Generation(TUNED, "Two plus two", 6),
)


@pytest.fixture
def loads(monkeypatch):
    """How often a base is loaded."""
    seen, load = [], hf.load
    monkeypatch.setattr(hf, "load", lambda spec: seen.append(spec.base) or load(spec))
    return seen


def same(first, second):
    """Whether two lists of answers are equal to the last bit."""
    fields = [(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(parts(x), parts(y), strict=True)]
    return all(np.array_equal(a, b) for a, b in fields)


def parts(answer):
    return list(vars(answer).values())


def test_adapters_after_each_other_on_one_base_answer_as_alone(llama, make_adapter, loads):
    adapters = [
        make_adapter(llama, seed=1, target_modules=ALL_LINEAR),
        make_adapter(llama, seed=2, modules_to_save=["lm_head"]),
        make_adapter(llama, seed=3, use_dora=True),
        make_adapter(llama, seed=1, target_modules=ALL_LINEAR),
    ]
    alone = [ask(open_backend(llama, adapter), *ASKED) for adapter in adapters]
    del loads[:]
    shelf, shared = Shelf(), []
    for adapter in adapters:
        backend = open_backend(llama, adapter, shelf=shelf)
        shared.append(ask(backend, *ASKED))
        backend.close()
    assert len(loads) == 1
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))


def test_a_base_that_was_used_is_the_base_again(llama, lora):
    shelf = Shelf()
    given = ModelSpec(base=str(llama))
    ids = torch.arange(8)[None]
    fresh, _ = shelf.take(given, hf.load)
    before = fresh.model(input_ids=ids).logits
    backend = open_backend(llama, lora, shelf=shelf)
    ask(backend, *ASKED)
    backend.close()
    again, there = shelf.take(given, hf.load)
    assert there
    assert torch.equal(again.model(input_ids=ids).logits, before)


def test_an_adapter_that_fails_half_way_leaves_no_trace(llama, lora, make_adapter, loads, monkeypatch):
    shelf = Shelf()
    open_backend(llama, lora, shelf=shelf).close()
    with monkeypatch.context() as patch:
        patch.setattr(hf, "check_reading", lambda *_: (_ for _ in ()).throw(SwayError("no")))
        with pytest.raises(SwayError, match="no"):
            open_backend(llama, make_adapter(llama, seed=9), shelf=shelf)
    backend = open_backend(llama, lora, shelf=shelf)
    assert same(ask(backend, *ASKED), ask(open_backend(llama, lora), *ASKED))
    assert len(loads) == 3


def test_another_base_dtype_or_device_is_another_key(llama, gpt2):
    given = ModelSpec(base=str(llama))
    others = [given.model_copy(update=u) for u in ({"dtype": "bf16"}, {"device": "cpu"}, {"base": str(gpt2)})]
    keys = {base_key(spec) for spec in (given, *others, given.model_copy(update={"adapter": "x"}))}
    assert len(keys) == 4


def test_the_shelf_holds_one_base_at_a_time(llama, gpt2, loads):
    shelf = Shelf()
    for base in (llama, llama, gpt2, llama):
        shelf.take(ModelSpec(base=str(base)), hf.load)
    assert [path.split("/")[-1][:4] for path in loads] == ["llam", "gpt2", "llam"]


def test_without_differential_nothing_is_shelved(llama, lora, loads):
    spec = ModelSpec(base=str(llama))
    shelf = Shelf()
    tuned = spec.model_copy(update={"adapter": str(lora)})
    build(spec, tuned, differential=False, threads=2, shelf=shelf).close()
    assert len(loads) == 2


def test_a_base_on_the_shelf_is_known_by_the_revision_that_was_loaded(llama, lora, tmp_path, monkeypatch):
    repo = tmp_path / "models--org--model"
    for commit in ("pinned", "latest"):
        shutil.copytree(llama, repo / "snapshots" / commit)
    (repo / "snapshots" / "latest" / "added.txt").write_text("changed since")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("latest")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    load = hf.load
    monkeypatch.setattr(hf, "load", lambda spec: load(ModelSpec(base=str(base_folder(spec.base, spec.revision)))))
    spec, shelf = ModelSpec(base="org/model", revision="pinned"), Shelf()
    for _ in range(2):
        backend = build(spec, spec.model_copy(update={"adapter": str(lora)}), threads=2, shelf=shelf)
        assert backend.identity().base_digest == content_digest(repo / "snapshots" / "pinned")
        backend.close()
