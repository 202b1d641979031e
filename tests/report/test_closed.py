"""A gate that something other than a failed probe closed: every format says that it is closed, and why."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from rich.console import Console

from sway.core.exits import Exit
from sway.core.verdicts import Verdict
from sway.engine.gate import Decision, FailOn, decide
from sway.report.explanation import explain
from sway.report.formats import FORMATS
from sway.report.records import Report
from sway.report.summary import summarize
from tests.report.cases import CASES, CHANGED, HELD, SHAPE, SKIPPED, gated, report, result

OPTIONAL = replace(CHANGED, required=False)
REGRESSED = Decision(Verdict.FAIL, Exit.GATE_FAILED, ("changed regressed against the baseline",))
REQUIRED = replace(SKIPPED, required=True)
CLOSED = {
    "threshold": (CASES["threshold"], "score 0.80 is below the threshold 0.9"),
    "baseline": (gated(REGRESSED, *HELD), "changed regressed against the baseline"),
    "nothing required": (report(OPTIONAL), "no required probe was measured; set required"),
    "skipped": (report(CHANGED, REQUIRED), "ghost was skipped but is required"),
    "warned": (CASES["fail on warn"], "curve warned"),
}


def explained(found: Report) -> str:
    out = io.StringIO()
    explain(summarize(found), Console(file=out, width=200, markup=False, emoji=False, highlight=False))
    return out.getvalue()


SAID = {**{form: render for form, render in FORMATS.items() if form != "json"}, "explain": explained}


@pytest.mark.parametrize("form", SAID)
@pytest.mark.parametrize("case", CLOSED)
def test_every_format_says_that_the_gate_is_closed_and_why(form, case):
    found, why = CLOSED[case]
    text = " ".join(SAID[form](found).replace("&#46;", ".").split())
    assert why in text
    assert "closed" in text


@pytest.mark.parametrize("case", CLOSED)
def test_neither_junit_nor_sarif_looks_green(case):
    found, why = CLOSED[case]
    tag, count = ("failure", "failures") if found.gate.exit_code == 1 else ("error", "errors")
    tree = ET.fromstring(FORMATS["junit"](found))
    (told,) = tree.findall(f"./testsuite/testcase[@name='__gate__']/{tag}")
    assert why in told.get("message", "")
    assert (tree.get(count), tree[0].get(count)) == ("1", "1")
    run = json.loads(FORMATS["sarif"](found))["runs"][0]
    (gate,) = [each for each in run["results"] if each["ruleId"] == "gate"]
    assert (gate["level"], run["tool"]["driver"]["rules"][gate["ruleIndex"]]["id"]) == ("error", "gate")
    assert why in gate["message"]["text"]


@pytest.mark.parametrize("case", ["pass", "warn"])
def test_an_open_gate_is_a_test_case_that_holds_and_no_result(case):
    tree = ET.fromstring(FORMATS["junit"](CASES[case]))
    (gate,) = tree.findall("./testsuite/testcase[@name='__gate__']")
    assert [child.tag for child in gate] == ["system-out"]
    assert (tree.get("failures"), tree.get("errors")) == ("0", "0")
    assert "gate" not in [each["ruleId"] for each in json.loads(FORMATS["sarif"](CASES[case]))["runs"][0]["results"]]


def test_the_headline_says_that_a_warning_closes_the_gate_where_it_does():
    strict, lenient = summarize(CASES["fail on warn"]), summarize(report(CHANGED, SHAPE))
    assert strict.headline.endswith("Some of it is not settled yet, and that closes the gate.")
    assert (lenient.headline[-31:], lenient.gate) == (
        " Some of it is not settled yet.",
        "The gate is open, though curve warned",
    )
    assert "healthy" not in strict.score


def test_a_gate_that_is_never_closed_is_not_called_closed():
    found = summarize(gated(decide(result(*HELD), threshold=0.9, fail_on=FailOn.NEVER), *HELD))
    assert found.headline == "The adapter falls short of what the gate asks."
    assert found.gate == "The gate is open, though score 0.80 is below the threshold 0.9"


def test_many_reasons_are_counted():
    many = Decision(Verdict.FAIL, Exit.GATE_FAILED, tuple(f"p{i} failed" for i in range(30)))
    for form in ("markdown", "html"):
        text = FORMATS[form](gated(many, *HELD))
        assert "p19 failed" in text
        assert "p20 failed" not in text
        assert "and 10 more" in text
