"""Curves in Markdown as Mermaid draws them: its grammar knows no exponents."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sway.core.verdicts import Reason, Verdict
from sway.report.formats import FORMATS
from tests.report.cases import CHANGED, report

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)")
"""A number in the grammar of Mermaid's xychart."""
VALUES = st.floats(-1e12, 1e12) | st.floats(-1e-3, 1e-3) | st.floats(-1, 1)


def drawn(x: list[float], y: list[float]) -> tuple[list[str], list[str], str]:
    """The numbers of the axis and of the line, and the whole page."""
    evidence = {"lambdas": x, "distance": y}
    probe = replace(
        CHANGED,
        kind="adapter_ablation",
        verdict=Verdict.FAIL,
        reason=Reason.SHAPE,
        z_by_rank={},
        evidence=evidence,
    )
    text = FORMATS["markdown"](report(probe))
    axis, line = (re.findall(rf"^  {name} ?\[(.*)\]$", text, re.MULTILINE) for name in ('x-axis "[^"]*"', "line"))
    assert len(axis) == len(line) == text.count("```mermaid") <= 1
    return axis[0].split(", ") if axis else [], line[0].split(", ") if line else [], text


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=40))
@example([(0.5, 0.02), (0.75, 0.0011), (1.0, 6e-05)])
@example([(1e5, 123456789.0), (2e5, 1e-7)])
def test_what_is_drawn_is_in_the_grammar_and_tells_the_numbers(points):
    x, y = (list(values) for values in zip(*points, strict=True))
    axis, line, _ = drawn(x, y)
    assert all(NUMBER.fullmatch(word) for word in line)
    assert all(NUMBER.fullmatch(word.strip('"')) for word in axis)
    for words, values in ((axis, x), (line, y)):
        least = max(map(abs, values)) * 1e-4
        assert [float(word.strip('"')) for word in words] == pytest.approx(values[: len(words)], rel=1e-5, abs=least)


def test_small_numbers_are_drawn_without_an_exponent():
    axis, line, _ = drawn([1e-5, 0.5, 1e5], [0.02, 0.0011, 6e-05])
    assert axis == ['"0.00001"', '"0.5"', '"100000"']
    assert line == ["0.02", "0.0011", "0.00006"]


@pytest.mark.parametrize("y", [[1e9, 2.0], [-5e10, 1.0], [1e-9, 3e-9]])
@pytest.mark.parametrize("turned", [False, True])
def test_what_a_drawing_cannot_tell_is_left_to_the_table(y, turned):
    x = [0.5, 1.0]
    _, line, text = drawn(*((y, x) if turned else (x, y)))
    assert not line
    assert "| strength | distance from the base |" in text
    assert f"| {y[0]:.3g}" in text or f"| 0.5 | {y[0]:.3g} |" in text
