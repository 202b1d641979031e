"""No claim of a report, and no way in which a gate ended, makes an outcome better than the probes are."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sway.core.exits import Exit
from sway.core.verdicts import Verdict
from sway.engine.gate import FailOn
from sway.github.baseline import Baseline
from sway.github.outcome import conclude
from sway.github.pages import Place, bodies, length
from sway.github.settings import Wanted
from tests.github.fake import DATA

REPORT = json.loads((DATA / "pass.json").read_text(encoding="utf-8"))
verdicts = st.lists(st.tuples(st.sampled_from([v.value for v in Verdict]), st.booleans()), min_size=6, max_size=6)
claims = st.tuples(st.sampled_from(["pass", "warn", "fail", "error"]), st.sampled_from([0, 1, 2, 3, 130, -9]))


def written(folder: Path, name: str, probes, claim) -> None:
    data = json.loads(json.dumps(REPORT))
    data["gate"].update(verdict=claim[0], exit_code=claim[1])
    for probe, (verdict, required) in zip(data["probes"], probes, strict=True):
        probe.update(verdict=verdict, required=required)
    (folder / name).write_text(json.dumps(data), encoding="utf-8")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reports=st.lists(st.tuples(verdicts, claims), max_size=3),
    fail_on=st.sampled_from(list(FailOn)),
    gate_exit=st.sampled_from([None, 0, 1, 2, 3, 130, 137]),
    failed=st.booleans(),
)
def test_what_passes_has_every_reason_to(tmp_path_factory, reports, fail_on, gate_exit, failed):
    folder = tmp_path_factory.mktemp("reports")
    for i, (probes, claim) in enumerate(reports):
        written(folder, f"{i}.json", probes, claim)
    found = conclude([folder], Baseline(), Wanted(fail_on), gate_exit=gate_exit, failed=failed)
    required = [verdict for probes, _ in reports for verdict, needed in probes if needed]
    if found.exit is Exit.PASS:
        assert reports
        assert gate_exit in (None, 0)
        assert all(claim[1] == 0 and claim[0] != "error" for _, claim in reports)
        assert not {"error", "skip"} & set(required)
        assert fail_on is FailOn.NEVER or "fail" not in required
        assert fail_on is not FailOn.WARN or "warn" not in required
        assert not (failed and gate_exit is None)
    if found.verdict is Verdict.PASS:
        assert found.exit is Exit.PASS
        assert set(required) <= {"pass"}
    if "fail" in required:
        assert found.verdict is Verdict.FAIL
    assert found.passed == (found.exit is Exit.PASS and found.verdict in (Verdict.PASS, Verdict.WARN))
    assert found.exit in (Exit.PASS, Exit.GATE_FAILED, Exit.USAGE, Exit.NO_VERDICT)


@pytest.mark.parametrize(("more", "kept"), [(0, True), (24, False)])
def test_evidence_is_the_first_to_go_and_what_decides_stays(tmp_path, more, kept):
    data = json.loads((DATA / "fail.json").read_text(encoding="utf-8"))
    texts = {f"part {i}": {"base": "b " * 500, "tuned": "t " * 500, "prompt": "p " * 200} for i in range(8)}
    failing = [p for p in data["probes"] if p["verdict"] == "fail"]
    for probe in failing:
        probe["evidence"] = {**probe["evidence"], **(texts if more else {})}
    data["probes"] += [{**failing[0], "name": f"more {i}"} for i in range(more)]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    first = bodies(conclude([path], Baseline(), Wanted(), gate_exit=1), Place())[0]
    assert length(first) <= 65_536
    assert ("Evidence:" in first) == kept
    for text in ("sway: FAIL", "What to do next", "measured [95% interval]", "xychart-beta"):
        assert text in first
