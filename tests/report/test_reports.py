"""What a reader must find on the terminal and in the JSON, and hostile text that must not get through."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sway.core.results import ProbeResult, SuiteResult
from sway.core.verdicts import Reason, Verdict
from sway.engine.gate import decide
from sway.report import json_report
from sway.report.json_report import to_report
from sway.report.summary import summarize
from sway.report.terminal import show
from tests.report.cases import CHANGED, LEARNED, SHAPE, SKIPPED, result


def terminal(found: SuiteResult, *, color: bool = False, width: int = 110) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, markup=False, emoji=False, highlight=False)
    show(summarize(to_report(found, decide(found))), console)
    return out.getvalue()


def test_a_pass_says_what_holds_first() -> None:
    first = terminal(result(CHANGED)).split("\n")[1]
    assert first.split() == ["PASS", *["The", "adapter", "changed", "the", "model", "beyond", "noise."]]


def test_a_fail_says_why_and_what_to_do() -> None:
    text = terminal(result(CHANGED, LEARNED, SHAPE, SKIPPED))
    assert "FAIL" in text.split("\n")[1]
    assert "did not learn its own text more than any other" in text
    assert "->" in text.split("x learned: ")[1]
    assert "The gate is closed: learned failed" in text
    assert "healthy" not in text


def test_nothing_depends_on_color() -> None:
    plain, colored = terminal(result(CHANGED, LEARNED)), terminal(result(CHANGED, LEARNED), color=True)
    assert "\x1b" not in plain
    assert "\x1b" in colored
    for word in ("+ pass", "x fail", ">10 sigma", "at least 0.02", "[0.05, 0.2]"):
        assert word in plain


def test_a_rank_profile_is_shown_and_read() -> None:
    text = terminal(result(CHANGED))
    assert "+4.2 sigma @ 1x / +6.8 sigma @ 0.5x / +2.1 sigma @ 2x" in text
    assert "consider halving r" in text


@pytest.mark.parametrize("probes", [(), (CHANGED,), (CHANGED, LEARNED, SHAPE, SKIPPED)])
def test_json_is_strict_and_holds_to_its_schema(probes: tuple[ProbeResult, ...]) -> None:
    found = result(*probes)
    read = json.loads(json_report.render(to_report(found, decide(found))), parse_constant=pytest.fail)
    jsonschema.validate(read, json_report.schema())
    assert read["schema_version"] == 1
    assert [p["name"] for p in read["probes"]] == [p.name for p in probes]


def test_what_is_not_finite_becomes_null() -> None:
    found = result(SHAPE)
    probe = json.loads(json_report.render(to_report(found, decide(found))))["probes"][0]
    assert {name: probe["evidence"][name] for name in ("curve", "3")} == {"curve": [0.0, None], "3": [1, 2]}
    assert (probe["checks"][0]["value"], probe["checks"][0]["holds"]) == (None, False)


def test_a_report_is_read_back_equal() -> None:
    found = result(CHANGED, LEARNED, SHAPE, SKIPPED)
    text = json_report.render(to_report(found, decide(found)))
    assert json_report.Report.model_validate_json(text) == to_report(found, decide(found))


HOSTILE = st.text() | st.sampled_from(
    ["\x1b[2J", "a\rb", "\u202egnp", "::error::x", "[bold]x[/bold]", "\n\n", "\x9b31m"]
)


@given(HOSTILE, HOSTILE)
def test_hostile_text_neither_moves_the_cursor_nor_breaks_the_json(name: str, message: str) -> None:
    found = result(
        replace(CHANGED, name=name, message=message, verdict=Verdict.WARN), adapter_id=message, spec_path=name
    )
    shown = terminal(found)
    assert not set(shown) & {"\x1b", "\r", "\u202e", "\x9b", "\x07"}
    assert "::" not in shown
    text = json_report.render(to_report(found, decide(found)))
    assert json.loads(text)["probes"][0]["message"] == message


def test_a_line_of_a_megabyte_is_cut() -> None:
    found = result(replace(LEARNED, message="x" * 1_000_000))
    assert len(terminal(found)) < 20_000


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_numbers_stay_whole(width: int) -> None:
    shown = terminal(result(CHANGED, LEARNED, SHAPE, SKIPPED), width=width)
    assert max(map(len, shown.splitlines())) <= width
    if width >= 80:
        assert all(part in shown for part in ("[0.05, 0.2]", "at least 0.02", ">10 sigma", "p 0.6"))


@pytest.mark.parametrize(("needed", "said"), [(30, "about 30 samples (it has 20)"), (10_000, "hardly settle it")])
def test_nobody_is_told_to_write_thousands_of_prompts(needed: int, said: str) -> None:
    unsettled = replace(
        CHANGED, verdict=Verdict.WARN, reason=Reason.INCONCLUSIVE, samples=(0.1,) * 20, samples_needed=needed
    )
    assert said in terminal(result(unsettled))
