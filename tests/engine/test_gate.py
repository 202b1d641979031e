"""The gate never fails open."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.exits import Exit
from sway.core.measurement import Category
from sway.core.results import Determinism, DeterminismReport, ProbeResult, SuiteResult
from sway.core.verdicts import Verdict
from sway.engine.gate import FailOn, decide
from sway.engine.score import compose, merge_weights

NOW = datetime(2020, 1, 1, tzinfo=UTC)


def row(verdict: Verdict, *, required: bool = True, score: float | None = None, name: str = "p") -> ProbeResult:
    value = score if score is not None else {"pass": 0.8, "warn": 0.5, "fail": 0.2}.get(verdict.value)
    return ProbeResult(name, "fake", Category.ADHERENCE, verdict, "said", required=required, score=value)


def suite(*rows: ProbeResult) -> SuiteResult:
    return SuiteResult(
        sway_version="0",
        spec_path="s",
        base_model_id="b",
        adapter_id="a",
        started_at=NOW,
        finished_at=NOW,
        determinism=DeterminismReport(Determinism.STRICT, 0),
        backend=None,
        score=compose(rows, merge_weights(), 0.6),
        probes=rows,
        alpha=0.05,
    )


P, F, W, S, E = Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.SKIP, Verdict.ERROR


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([row(P)], {}, Exit.PASS),
        ([row(P), row(F)], {}, Exit.GATE_FAILED),
        ([row(P), row(W)], {}, Exit.PASS),
        ([row(P), row(W)], {"fail_on": FailOn.WARN}, Exit.GATE_FAILED),
        ([row(P), row(F)], {"fail_on": FailOn.NEVER}, Exit.PASS),
        ([row(P), row(E)], {}, Exit.NO_VERDICT),
        ([row(P), row(E)], {"fail_on": FailOn.NEVER}, Exit.NO_VERDICT),
        ([row(F), row(E)], {"fail_on": FailOn.NEVER}, Exit.NO_VERDICT),
        ([row(F), row(E)], {}, Exit.GATE_FAILED),
        ([row(P), row(S)], {}, Exit.NO_VERDICT),
        ([row(P), row(S, required=False)], {}, Exit.PASS),
        ([row(P), row(F, required=False)], {}, Exit.PASS),
        ([row(S, required=False)], {}, Exit.NO_VERDICT),
        ([row(P, required=False)], {}, Exit.NO_VERDICT),
        ([row(F, required=False)], {}, Exit.NO_VERDICT),
        ([], {}, Exit.NO_VERDICT),
        ([row(P)], {"threshold": 0.9}, Exit.GATE_FAILED),
        ([row(P)], {"threshold": 0.8}, Exit.PASS),
    ],
)
def test_exit_codes(rows: list[ProbeResult], options: dict, expected: Exit) -> None:
    assert decide(suite(*rows), **options).exit is expected


@given(st.lists(st.sampled_from(list(Verdict)), max_size=6), st.sampled_from(list(FailOn)))
def test_nothing_unjudged_ever_passes(verdicts: list[Verdict], fail_on: FailOn) -> None:
    decision = decide(suite(*(row(v) for v in verdicts)), fail_on=fail_on)
    if decision.exit is Exit.PASS:
        assert verdicts
        assert not {S, E} & set(verdicts)


def test_a_baseline_row_alone_measures_nothing() -> None:
    baseline = replace(row(P), category=Category.BASELINE, score=None)
    assert decide(suite(baseline)).exit is Exit.NO_VERDICT


def test_a_no_op_is_a_judgement() -> None:
    no_op = replace(row(F), category=Category.BASELINE, score=None)
    assert decide(suite(no_op)).reasons == ("p failed",)
    assert decide(suite(no_op), fail_on=FailOn.NEVER).exit is Exit.PASS
