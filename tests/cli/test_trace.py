"""`--trace` and `sway trace`: every batch is told, and what is no trace is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import SwayError
from sway.core.trace import Batch, read_trace, trace_to
from tests.zoo.zoo import suite

counts = st.integers(0, 10**9)
times = st.floats(0, 1e6, allow_nan=False)
BATCHES = st.builds(
    Batch,
    number=st.integers(1, 10**6),
    kind=st.sampled_from(["score", "write"]),
    rows=counts,
    width=counts,
    views=st.dictionaries(st.sampled_from(["base", "tuned", "partial", "null"]), counts),
    forward_passes=counts,
    tokens=counts,
    seconds=times,
    cpu_seconds=times,
)


@given(st.lists(BATCHES, min_size=1, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, batches: list[Batch]) -> None:
    path = tmp_path_factory.mktemp("trace") / "t.jsonl"
    with trace_to(path) as tell:
        for batch in batches:
            tell(batch)
    assert read_trace(path) == batches


def test_a_line_that_a_stopped_run_left_is_left_out(tmp_path: Path) -> None:
    whole = Batch(
        number=1, kind="score", rows=2, width=4, views={}, forward_passes=1, tokens=8, seconds=1.0, cpu_seconds=1.0
    )
    path = tmp_path / "t.jsonl"
    path.write_text(whole.model_dump_json() + '\n{"number": 2, "ki')
    assert read_trace(path) == [whole]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("not json\n", "t.jsonl:1: is no batch"),
        ('{"number": 0}\n', "is no batch"),
        ("[" * 100_000 + "\n", "is no batch"),
        ("\x00\n", "is no batch"),
    ],
)
def test_what_is_no_trace_is_one_line(call, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    ran = call("trace", path)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_a_missing_trace_is_one_line(call, tmp_path: Path) -> None:
    ran = call("trace", tmp_path / "none.jsonl")
    assert (ran.code, "cannot be read" in ran.err) == (2, True)


def test_every_batch_of_a_run_is_told_and_moves_no_number(zoo, call, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    spec, path = zoo.spec(tmp_path, "healthy", suite=suite()[:2]), tmp_path / "t.jsonl"
    assert call("run", spec, "--trace", path, "--json", tmp_path / "traced.json").code == 0
    assert call("run", spec, "--json", tmp_path / "plain.json").code == 0
    traced, plain = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("traced", "plain"))
    batches, stats = read_trace(path), traced["backend_stats"]
    assert [b.number for b in batches] == list(range(1, stats["batches"] + 1))
    assert sum(b.forward_passes for b in batches) <= stats["forward_passes"]
    assert sum(b.tokens for b in batches) <= stats["tokens"]
    assert {view for b in batches for view in b.views} == {"base", "tuned", "null"}
    assert [p["raw"] for p in traced["probes"]] == [p["raw"] for p in plain["probes"]]
    shown = call("trace", path, "--slowest", "1")
    assert shown.code == 0
    assert "scoring" in shown.out


def test_a_trace_never_replaces_the_spec(zoo, call, tmp_path: Path) -> None:
    spec = zoo.spec(tmp_path, "noise", suite=suite()[:2])
    before = spec.read_text()
    assert call("run", spec, "--trace", spec).code == 2
    assert spec.read_text() == before


def test_a_trace_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    batch = Batch(
        number=1, kind="score", rows=1, width=1, views={}, forward_passes=1, tokens=1, seconds=0.0, cpu_seconds=0.0
    )
    with pytest.raises(SwayError, match="cannot be written"), trace_to(tmp_path / "no" / "t.jsonl") as tell:
        tell(batch)
