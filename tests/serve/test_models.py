"""Loaded models: loaded once, lent to one job at a time, let go in order, never stale."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sway.core.errors import BackendError
from sway.core.requests import NextToken
from sway.core.views import TUNED
from sway.engine.plan import Options
from sway.serve.job import Job, Stop, Stopped
from sway.serve.models import Models
from sway.suite.loader import spec_from_data
from tests.serve.fakes import Park, spec

ASKED = [NextToken(TUNED, f"prompt {i}") for i in range(20)]


def load(name: str, **model: str):
    data = spec(name)
    data["models"]["ft"] = {**data["models"]["ft"], **model}
    return spec_from_data(data, path="sway.yaml")


def lend(models: Models, name: str, job: Job | None = None, **model: str):
    return models.lend(load(name, **model), Options(), job or Job(60))


def test_many_at_once_load_a_model_once_and_never_share_it() -> None:
    park = Park(answer_seconds=0.0005, load_seconds=0.05)
    models = Models(2, park)

    def use(_: int) -> int:
        lent = lend(models, "a")
        try:
            return len(list(lent.answer(ASKED)))
        finally:
            lent.close()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(use, range(32))) == [20] * 32
    assert park.loaded == ["a"]
    assert park.clashes == 0
    assert models.names() == [{"model": "a", "busy": False, "uses": 32}]


def test_the_least_recently_used_goes_and_is_closed_and_freed() -> None:
    park = Park()
    models = Models(2, park)
    lent = lend(models, "a")
    freed = weakref.ref(lent.backend)
    lent.close()
    del lent
    for name in ("b", "c", "b"):
        lend(models, name).close()
    assert [m["model"] for m in models.names()] == ["c", "b"]
    assert park.most == 2
    gc.collect()
    assert freed() is None
    models.close()
    assert park.now == 0


def test_a_model_in_use_is_not_let_go() -> None:
    models = Models(1, Park())
    held = lend(models, "a")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: lend(models, "b"))
        time.sleep(0.05)
        assert not other.done()
        held.close()
        assert other.result(5).backend.ids[0] == "b"


def test_a_job_that_waits_can_be_stopped() -> None:
    models, job = Models(1, Park()), Job(60)
    lend(models, "a")
    threading.Timer(0.05, lambda: job.stop(Stop.GONE)).start()
    with pytest.raises(Stopped):
        lend(models, "b", job)
    with pytest.raises(Stopped, match="longer"):
        lend(models, "b", Job(0.05))


def test_a_job_stops_between_answers_and_leaves_the_model_usable() -> None:
    models, job = Models(1, Park()), Job(60)
    lent = lend(models, "a", job)
    answers = lent.answer(ASKED)
    next(answers)
    job.stop(Stop.GONE)
    with pytest.raises(Stopped):
        next(answers)
    lent.close()
    assert len(list(lend(models, "a").answer(ASKED))) == 20
    assert models.counts["loads"] == 1


def test_a_load_that_fails_takes_no_place() -> None:
    def build(*_: object) -> None:
        raise BackendError("no memory")

    models = Models(1, build)
    for _ in range(2):
        with pytest.raises(BackendError):
            lend(models, "a")
    assert models.names() == []


def test_a_model_that_failed_inside_is_loaded_anew() -> None:
    park = Park()
    models = Models(1, park)
    park.fault = RuntimeError("device lost")
    lent = lend(models, "a")
    with pytest.raises(RuntimeError):
        list(lent.answer(ASKED))
    lent.close()
    assert park.now == 0
    park.fault = None
    assert len(list(lend(models, "a").answer(ASKED))) == 20
    assert park.loaded == ["a", "a"]


def change_bytes(adapter: Path) -> None:
    (adapter / "weights").write_bytes(b"bbbb")


def replace_keeping_times(adapter: Path) -> None:
    shutil.copy2(adapter / "weights", adapter / "copy")
    (adapter / "copy").rename(adapter / "weights")


def add_a_file(adapter: Path) -> None:
    (adapter / "more").touch()


@pytest.mark.parametrize("change", [change_bytes, replace_keeping_times, add_a_file])
def test_a_model_whose_files_changed_is_loaded_anew_in_the_same_place(tmp_path: Path, change) -> None:
    (tmp_path / "weights").write_bytes(b"aaaa")
    park = Park()
    models = Models(1, park)
    for _ in range(2):
        lend(models, "a", adapter=str(tmp_path)).close()
    assert models.counts["loads"] == 1
    change(tmp_path)
    for _ in range(2):
        lend(models, "a", adapter=str(tmp_path)).close()
    assert (models.counts["loads"], models.counts["reloads"], park.now, park.most) == (2, 1, 1, 1)


@pytest.mark.parametrize("other", [{"dtype": "fp16"}, {"device": "cuda"}, {"revision": "v2"}])
def test_what_makes_two_models_different(other: dict[str, str]) -> None:
    park = Park()
    models = Models(2, park)
    lend(models, "a").close()
    data = spec("a")
    data["models"] = {side: {**model, **other} for side, model in data["models"].items()}
    models.lend(spec_from_data(data), Options(), Job(60)).close()
    assert len(models.names()) == 2


def test_a_loan_counts_its_own_work() -> None:
    models = Models(1, Park())
    for _ in range(2):
        lent = lend(models, "a")
        list(lent.answer(ASKED))
        assert (lent.stats().requests, lent.stats().views) == (20, 1)
        lent.close()
