"""What a base was asked for one adapter is not asked again for the next, and nothing changes by that."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sway.backends.interface import Identity
from sway.core.requests import NextToken
from sway.core.results import SuiteResult
from sway.core.views import BASE
from sway.engine.base_answers import BaseAnswers
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.engine.stored import STALE_SECONDS
from sway.suite.loader import spec_from_data
from tests.engine.test_kept import QUESTIONS, WHO, Backend, filled

OTHER = Identity("b", "a", "b" * 64, "c" * 64)


def run(tmp_path: Path, who: Identity, *, differential: bool = True) -> tuple[SuiteResult, Backend]:
    (tmp_path / "adapter").mkdir(exist_ok=True)
    models = {"base": {"base": "org/b"}, "ft": {"base": "org/b", "adapter": str(tmp_path / "adapter")}}
    suite = [
        {"name": "changed", "kind": "delta_kl", "prompts": [f"prompt {i}" for i in range(4)]},
        {"name": "intact", "kind": "external_perplexity", "chunk_chars": 256, "max_chunks": 3},
    ]
    data = {"version": 1, "models": models, "defaults": {"differential": differential}, "suite": suite}
    backend = Backend(who=who)
    loaded = spec_from_data(data, path=tmp_path / "sway.yaml")
    return run_suite(loaded, Options(), build=lambda *_: backend), backend


@pytest.fixture(autouse=True)
def caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    monkeypatch.delenv("SWAY_DISABLE_BASE_CACHE", raising=False)
    monkeypatch.setenv("SWAY_BASE_CACHE_DIR", str(tmp_path / "bases"))
    return tmp_path / "bases"


def numbers(result: SuiteResult) -> list[Any]:
    return [replace(p, duration_s=0.0) for p in result.probes]


def of_base(backend: Backend) -> int:
    return sum(q.view.is_base for q in backend.asked)


def test_an_answer_of_another_day_is_to_another_prompt_where_prompts_tell_it(tmp_path: Path) -> None:
    asked = [of_base(run(tmp_path, replace(who, day=day))[1]) for who, day in ((WHO, "1"), (OTHER, "1"), (OTHER, "2"))]
    assert asked[1] < asked[0] == asked[2]


def test_the_next_adapter_pays_its_own_views_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, paid = run(tmp_path, WHO)
    second, spared = run(tmp_path, OTHER)
    assert of_base(paid) == 7
    assert of_base(spared) == 0
    assert len(paid.asked) == len(spared.asked) + 7
    monkeypatch.setenv("SWAY_DISABLE_BASE_CACHE", "1")
    without, afresh = run(tmp_path, OTHER)
    assert of_base(afresh) == 7
    assert numbers(without) == numbers(second) == numbers(first)


def test_what_is_kept_is_of_the_base_and_of_this_base(tmp_path: Path) -> None:
    store = filled()
    BaseAnswers(tmp_path, WHO, "cpu").keep(store.found)
    assert len(BaseAnswers(tmp_path, OTHER, "cpu").known) == sum(q.view.is_base for q in QUESTIONS)
    assert not BaseAnswers(tmp_path, replace(WHO, base_digest="d" * 64), "cpu").known
    assert not BaseAnswers(tmp_path, WHO, "cuda").known
    assert not BaseAnswers(tmp_path, replace(WHO, base_digest=""), "cpu").known


def test_a_second_base_model_has_no_answers_of_the_adapters(tmp_path: Path, caches: Path) -> None:
    run(tmp_path, WHO, differential=False)
    assert not caches.exists()


@pytest.mark.parametrize("harm", ["", "{", "[]", '{"answers": 3}', "null", "torn", "other", "values", "\x00"])
def test_a_torn_or_foreign_file_is_a_miss(tmp_path: Path, caches: Path, harm: str) -> None:
    expected, _ = run(tmp_path, WHO)
    (path,) = caches.iterdir()
    whole = path.read_text()
    stored = json.loads(whole)
    answers = {key: value | {"kind": "Failure"} for key, value in stored["answers"].items()}
    texts = {
        "torn": whole[: len(whole) // 2],
        "other": json.dumps(stored | {"key": "f" * 64}),
        "values": json.dumps(stored | {"answers": answers}),
    }
    path.write_text(texts.get(harm, harm))
    again, backend = run(tmp_path, OTHER)
    assert of_base(backend) == 7
    assert numbers(again) == numbers(expected)
    assert run(tmp_path, OTHER)[1].asked == [q for q in backend.asked if not q.view.is_base]


def test_what_cannot_be_written_is_only_slower(tmp_path: Path, caches: Path) -> None:
    caches.write_text("a file, not a folder")
    assert of_base(run(tmp_path, WHO)[1]) == of_base(run(tmp_path, OTHER)[1]) == 7


def test_the_oldest_answers_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sway.engine.base_answers.MAX_BYTES", 900)
    store = filled()
    old, new = ({q: a for q, a in store.found.items() if q.view.is_base}, filled(Backend()).found)
    BaseAnswers(tmp_path, WHO, "cpu").keep(old)
    BaseAnswers(tmp_path, WHO, "cpu").keep({NextToken(BASE, "new", 8): new[QUESTIONS[0]]})
    known = BaseAnswers(tmp_path, WHO, "cpu").known
    assert 0 < len(known) < len(old) + 1


def test_bases_that_nobody_came_back_to_go(tmp_path: Path) -> None:
    BaseAnswers(tmp_path, WHO, "cpu").keep(filled().found)
    (old,) = tmp_path.iterdir()
    os.utime(old, (1, time.time() - STALE_SECONDS - 60))
    BaseAnswers(tmp_path, WHO, "cuda").keep(filled().found)
    assert old not in list(tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 1


def test_answers_that_cannot_be_marked_as_used_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BaseAnswers(tmp_path, WHO, "cpu").keep(filled().found)

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "touch", refused)
    assert BaseAnswers(tmp_path, WHO, "cpu").known


class Recalled(Backend):
    """Tells what it was reminded of."""

    def __init__(self) -> None:
        super().__init__(who=OTHER)
        self.heard: dict[Any, Any] = {}

    def recall(self, found: dict[Any, Any]) -> None:
        self.heard |= found


def test_a_backend_hears_what_the_base_said(tmp_path: Path) -> None:
    run(tmp_path, WHO)
    backend = Recalled()
    models = {"base": {"base": "org/b"}, "ft": {"base": "org/b", "adapter": str(tmp_path / "adapter")}}
    suite = [{"name": "changed", "kind": "delta_kl", "prompts": ["prompt 1"]}]
    loaded = spec_from_data({"version": 1, "models": models, "suite": suite}, path=tmp_path / "sway.yaml")
    run_suite(loaded, Options(), build=lambda *_: backend)
    assert [q.prompt for q in backend.heard] == ["prompt 1"]
    assert not of_base(backend)
