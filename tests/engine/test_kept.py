"""Answers that outlive an interruption: the same run goes on with them, and nobody else does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sway.backends.dummy import DummyBackend
from sway.backends.interface import Answered, Identity
from sway.core.errors import Interrupted
from sway.core.model import ModelSpec
from sway.core.requests import Embed, Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.results import SuiteResult
from sway.core.views import BASE, TUNED, NullDraw
from sway.engine.ask import Store, question_key
from sway.engine.kept import Ledger
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.engine.stored import STALE_SECONDS
from sway.suite.loader import spec_from_data

WHO = Identity("b", "a", "b" * 64, "a" * 64)
QUESTIONS = (
    NextToken(BASE, "one", 8),
    NextToken(TUNED, "one", 1000),
    NextToken(TUNED.under(NullDraw(1, 0)), "one", 8),
    SpanLogprob(TUNED, "two", "words follow"),
    RollingLogprob(BASE, "three words hére"),
    Generation(TUNED, "four", 4),
)


class Backend(DummyBackend):
    """Hashes, of known content; presses Ctrl-C after so many answers."""

    def __init__(self, stop: int = 10**9, who: Identity = WHO) -> None:
        super().__init__(ModelSpec(base="b"), ModelSpec(base="b", adapter="a"))
        self.stop, self.who = stop, who
        self.asked: list[Any] = []

    def identity(self) -> Identity:
        return self.who

    def answer(self, requests: Sequence[Any]) -> Iterator[Answered]:
        for request in requests:
            if len(self.asked) == self.stop:
                raise KeyboardInterrupt
            self.asked.append(request)
            yield from super().answer([request])


def run(tmp_path: Path, backend: Backend, ledger: Ledger | None, *, apart: str = "") -> SuiteResult:
    """A run; `apart` names a second model that the adapter is held against."""
    (tmp_path / "adapter").mkdir(exist_ok=True)
    models = {"base": {"base": apart or "org/b"}, "ft": {"base": "org/b", "adapter": str(tmp_path / "adapter")}}
    suite = [
        {"name": "changed", "kind": "delta_kl", "prompts": [f"prompt {i}" for i in range(9)]},
        {"name": "intact", "kind": "external_perplexity", "chunk_chars": 256, "max_chunks": 3},
    ]
    data = {"version": 1, "models": models, "defaults": {"differential": not apart}, "suite": suite}
    loaded = spec_from_data(data, path=tmp_path / "sway.yaml")
    return run_suite(loaded, Options(), build=lambda *_: backend, ledger=ledger)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "answers"


def filled(backend: Backend | None = None) -> Store:
    return Store({found.request: found.answer for found in (backend or Backend()).answer(QUESTIONS)})


def test_every_kind_of_answer_comes_back_bit_for_bit(kept: Path) -> None:
    store = filled()
    told = Ledger(kept).interrupted(store, WHO, "cpu")
    assert f"{len(QUESTIONS)} answers are kept" in str(told)
    again = Ledger(kept).open(WHO, "cpu")
    for question in QUESTIONS:
        before, after = store.found[question], again.known[question_key(question)]
        assert type(before) is type(after)
        for name, value in vars(before).items():
            assert np.array_equal(getattr(after, name), value), name
            assert type(getattr(after, name)) is type(value)


def test_an_interrupted_run_goes_on_where_it_stopped_and_ends_the_same(tmp_path: Path, kept: Path) -> None:
    whole = Backend()
    expected = run(tmp_path, whole, None)
    for stop in (40, 60):
        with pytest.raises(Interrupted, match="run the same command again"):
            run(tmp_path, Backend(stop), Ledger(kept))
    last = Backend()
    found = run(tmp_path, last, Ledger(kept))
    assert len(last.asked) == len(whole.asked) - 100
    assert [replace(p, duration_s=0.0) for p in found.probes] == [replace(p, duration_s=0.0) for p in expected.probes]
    assert list(kept.iterdir()) == []


def test_answers_are_never_handed_to_a_run_against_another_base(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWAY_DISABLE_NULL_CACHE")
    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(tmp_path / "nulls"))
    ledger = Ledger(kept, hold=True)
    first, *others = Backend(), Backend(), Backend()
    run(tmp_path, first, ledger)
    for backend, base in zip(others, ("org/c", "org/d"), strict=True):
        run(tmp_path, backend, ledger, apart=base)
        assert set(backend.asked) == set(first.asked)
    again = Backend()
    run(tmp_path, again, Ledger(None))
    assert not any(question.view.null for question in again.asked)


def test_an_interrupted_run_of_two_models_says_that_it_starts_afresh_and_does(tmp_path: Path, kept: Path) -> None:
    whole, again = Backend(), Backend()
    run(tmp_path, whole, None, apart="org/c")
    with pytest.raises(Interrupted, match="nothing was kept, and the same command starts afresh"):
        run(tmp_path, Backend(40), Ledger(kept), apart="org/c")
    run(tmp_path, again, Ledger(kept), apart="org/d")
    assert again.asked == whole.asked


@pytest.mark.parametrize(
    "other",
    [Identity("b", "a", "b" * 64, "x" * 64), Identity("b", "a", "x" * 64, "a" * 64)],
)
def test_another_adapter_or_base_is_asked_afresh(kept: Path, other: Identity) -> None:
    Ledger(kept).interrupted(filled(), WHO, "cpu")
    assert not Ledger(kept).open(other, "cpu").known
    assert not Ledger(kept).open(WHO, "cuda").known
    assert Ledger(kept).open(WHO, "cpu").known


def test_a_model_of_unknown_content_keeps_nothing(kept: Path) -> None:
    for who, folder in ((Identity("b", "a"), kept), (WHO, None)):
        assert "nothing was kept" in str(Ledger(folder).interrupted(filled(), who, "cpu"))
    assert not kept.exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 100_000, "\x00\xff", '{"format": 1}', '{"format": 2, "answers": {}}'),
        '{"format": 1, "answers": {"k": {"kind": "os"}}}',
        '{"format": 1, "answers": {"k": {"kind": "Generated", "text": 1}}}',
    ],
)
def test_a_torn_or_foreign_file_counts_as_absent(kept: Path, text: str) -> None:
    Ledger(kept).interrupted(filled(), WHO, "cpu")
    [file] = kept.iterdir()
    file.write_text(text, encoding="latin-1")
    assert not Ledger(kept).open(WHO, "cpu").known


def test_arrays_of_objects_are_never_read(kept: Path) -> None:
    Ledger(kept).interrupted(filled(), WHO, "cpu")
    [file] = kept.iterdir()
    stored = json.loads(file.read_text())
    key = question_key(QUESTIONS[0])
    stored["answers"] = {key: {**stored["answers"][key], "ids": {"dtype": "|O", "bytes": "AAAAAAAAAAA="}}}
    file.write_text(json.dumps(stored))
    assert not Ledger(kept).open(WHO, "cpu").known


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "nothing was kept" in str(Ledger(tmp_path / "file").interrupted(filled(), WHO, "cpu"))


def test_a_command_of_several_runs_holds_what_ended_until_it_is_over(tmp_path: Path, kept: Path) -> None:
    first = Ledger(kept, hold=True)
    run(tmp_path, Backend(), first)
    assert len(list(kept.iterdir())) == 1
    again = Backend()
    second = Ledger(kept, hold=True)
    run(tmp_path, again, second)
    assert again.asked == []
    second.close()
    assert list(kept.iterdir()) == []


def test_what_the_base_said_is_not_asked_again_for_the_next_adapter(tmp_path: Path) -> None:
    ledger = Ledger(None, hold=True)
    run(tmp_path, Backend(), ledger)
    second = Backend(who=replace(WHO, adapter_digest="c" * 64))
    run(tmp_path, second, ledger)
    assert second.asked
    assert not any(question.view.is_base for question in second.asked)


def test_what_nobody_came_back_for_is_removed(kept: Path) -> None:
    kept.mkdir()
    old, young, foreign = "a" * 64 + ".json", "b" * 64 + ".json", "thesis.json"
    for name, age in ((old, STALE_SECONDS + 60), (young, 60), (foreign, STALE_SECONDS + 60)):
        (kept / name).write_text("")
        os.utime(kept / name, (time.time() - age,) * 2)
    Ledger(kept).interrupted(filled(), WHO, "cpu")
    names = {p.name for p in kept.iterdir()}
    assert old not in names
    assert {young, foreign} < names
    assert len(names) == 3


def test_embeddings_are_not_kept_since_their_model_is_another(kept: Path) -> None:
    from sway.core.requests import Embedding

    store = Store({Embed(BASE, "text", "mini"): Embedding(np.ones(2))})
    assert "nothing was kept" in str(Ledger(kept).interrupted(store, WHO, "cpu"))
