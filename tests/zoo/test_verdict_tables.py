"""The tables of docs/statistics.md say what was answered, misses included."""

from __future__ import annotations

from dataclasses import fields

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.zoo import tables
from benchmarks.zoo.criteria import faults
from benchmarks.zoo.gating import Gated, Row
from benchmarks.zoo.labels import ANIMALS
from benchmarks.zoo.oracle import Measured


def gate(exit_code: int, nulls: tuple[float, ...] = (), **verdicts: str) -> dict:
    rows = {name: Row(verdict, True, 1.0, 0.05, "", nulls) for name, verdict in verdicts.items()}
    return Gated(exit_code, (), rows).document()


def shown(part: str, **found: dict) -> str:
    return tables.page({f"A/{part}/{name}": value for name, value in found.items()}, ["A"])


def test_a_right_verdict_is_no_miss():
    page = shown("confusion", healthy=gate(0, delta_kl="pass"), memoriser=gate(1, paraphrase_invariance="fail"))
    assert "2 of 2 are judged as labelled" in page
    assert "| memoriser | " in page


def test_a_wrong_exit_code_is_listed_with_its_probes():
    page = shown("confusion", healthy=gate(1, leakage="fail"))
    assert "0 of 1 are judged as labelled" in page
    assert "- **healthy**" in page
    assert "exit 1 and not 0; leakage" in page


def test_the_right_exit_code_for_the_wrong_reason_is_listed():
    page = shown("confusion", memoriser=gate(1, leakage="fail", paraphrase_invariance="pass"))
    assert "stopped, but not by paraphrase_invariance" in page


def test_every_label_but_an_unusable_file_names_what_stops_it():
    for name, animal in ANIMALS.items():
        assert bool(animal.by) == (animal.label not in "02"), name


def test_noise_is_counted_at_both_levels():
    above, below = gate(1, (0.5,) * 99, delta_kl="pass"), gate(1, (2.0,) * 99, delta_kl="fail")
    page = shown("noise", **{str(i): above if i < 2 else below for i in range(10)})
    assert "| delta_kl | 2 of 10: 20.0% [5.7, 51.0] | 2 of 10: 20.0% [5.7, 51.0] |" in page
    assert "let pass 0 of 10" in page


def test_a_tie_counts_against_the_adapter():
    page = shown("noise", **{"0": gate(1, (1.0,) * 99, delta_kl="fail")})
    assert "| delta_kl | 0 of 1: 0.0%" in page


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_rate_holds_it_and_lies_within_bounds(counted):
    hits, n = counted
    low, high = tables.wilson(hits, n)
    assert -1e-9 <= low <= hits / n + 1e-9
    assert hits / n - 1e-9 <= high <= 1 + 1e-9


def test_tables_stand_between_the_marks_and_nothing_else_moves():
    page = "before\n<!-- measured: make bench-verdicts -->\nold\n<!-- /measured -->\nafter\n"
    found = tables.filled(page, "new \\1\n")
    assert found == "before\n<!-- measured: make bench-verdicts -->\nnew \\1\n<!-- /measured -->\nafter\n"


def test_an_oracle_that_disagrees_with_a_label_says_where():
    base = Measured(**{field.name: 0.3 for field in fields(Measured)})
    learned = Measured(**{field.name: 0.9 for field in fields(Measured)})
    assert any(said.startswith("recall 0.90") for said in faults("healthy", base, learned))
    assert faults("noop", base, base) == []
    assert faults("noop", base, learned)
