"""Reports that others wrote, read for comparison, and the comparison shown: hostile files end in one line."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sway.core.errors import SwayError
from sway.engine.compare import Comparison, Side, compare
from sway.report.baseline import MAX_BYTES, read_side
from sway.report.comparison import as_json, headline, markdown, sentence, show_comparison

SAMPLES = [0.5 + 0.01 * i for i in range(12)]


def probe(**changes: object) -> dict[str, object]:
    found = {
        "name": "learned",
        "kind": "section_internalization",
        "category": "attribution",
        "verdict": "pass",
        "claim": "superiority",
        "better": "higher",
        "required": True,
        "message": "",
        "raw": sum(SAMPLES) / 12,
        "unit": "nats/token",
        "measures": "lift",
        "bar": 0.05,
        "samples": SAMPLES,
        "sample_keys": [f"k{i}" for i in range(12)],
        "reference": [],
        "reference_keys": [],
        "settings": {"top_k": 256},
    }
    return {**found, **changes}


def report(*probes: dict[str, object], **changes: object) -> dict[str, object]:
    whole = {
        "schema_version": 1,
        "sway_version": "0.2.0",
        "base_model_id": "org/base",
        "adapter_id": "adapter",
        "alpha": 0.05,
        "digests": {"base": "b", "adapter": "a", "suite": "s"},
        "backend_stats": {"device": "cpu", "dtype": "float32"},
        "null_stats": {"learned": {"n": 19, "family": "matched"}},
        "probes": list(probes) or [probe()],
    }
    return {**whole, **changes}


def written(tmp_path: Path, data: object, name: str = "r.json") -> Path:
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def side(tmp_path: Path, *probes: dict[str, object], name: str = "r.json", **changes: object) -> Side:
    return read_side(written(tmp_path, report(*probes, **changes), name))


def test_what_a_comparison_needs_is_read(tmp_path: Path) -> None:
    found = side(tmp_path)
    assert found.probes[0].samples == tuple(SAMPLES)
    assert found.probes[0].asked.keys[0] == "k0"
    assert (found.numerics, dict(found.nulls), found.digests.adapter) == ("cpu float32", {"learned": "19 matched"}, "a")


def test_unknown_fields_and_missing_newer_ones_are_no_fault(tmp_path: Path) -> None:
    old = {k: v for k, v in probe(novelty=1).items() if k not in ("sample_keys", "settings", "reference_keys")}
    found = side(tmp_path, old, surprise=[])
    assert found.probes[0].asked.keys == ()
    assert not compare(found, found).comparable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the JSON"),
        ("{", "not the JSON"),
        (json.dumps(report())[:-40], "not the JSON"),
        ("[]", "not a report"),
        ("null", "not a report"),
        ('{"a": 1}', "not a report"),
        ("[" * 200_000, "nested too deeply"),
        ('{"schema_version":1,"x":' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deeply"),
        (json.dumps(report(schema_version=2)), "schema version 2"),
        (json.dumps(report(schema_version="one")), "schema version one"),
        (json.dumps(report(probe(samples=[float("nan")] * 12))), "NaN is not strict JSON"),
        (json.dumps(report(probe(raw=float("inf")))), "Infinity is not strict JSON"),
        (json.dumps(report()).replace("0.5,", "1e999,"), "not a report"),
        (json.dumps(report()).replace("0.5,", f"{10**400},"), "more than 30 digits"),
        (json.dumps(report()).replace("0.5,", "9" * 10_000 + ","), "more than 30 digits"),
        (json.dumps(report(probe(samples=SAMPLES[:3]))), "3 samples but 12 keys"),
        (json.dumps(report(probe(sample_keys=["k"] * 12))), "a key stands for two samples"),
        (json.dumps(report(probe(), probe())), "two probes have one name"),
        (json.dumps(report(probe(samples="many"))), "not a report"),
        (json.dumps(report(probe(verdict="splendid"))), "not a report"),
        (json.dumps(report(alpha=0.9)), "alpha"),
        (json.dumps(report(probes={})), "probes"),
    ],
)
def test_a_hostile_report_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SwayError) as refused:
        read_side(path)
    line = str(refused.value)
    assert said in line
    assert str(path) in line
    assert len(line) < 1500
    assert "\n" not in line.split("(")[0]


def test_a_huge_report_a_folder_and_nothing_are_one_line(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe{")
    for path, said in ((huge, "larger than"), (tmp_path, "folder"), (tmp_path / "no.json", "no such report file")):
        with pytest.raises(SwayError, match=said):
            read_side(path)
    with pytest.raises(SwayError, match="UTF-8"):
        read_side(tmp_path / "latin.json")


def worse(tmp_path: Path) -> Comparison:
    lower = probe(samples=[s - 0.3 + 0.001 * i for i, s in enumerate(SAMPLES)])
    return compare(side(tmp_path), side(tmp_path, lower, name="new.json"))


def shown(found: Comparison, width: int = 110) -> str:
    out = io.StringIO()
    show_comparison(found, Console(file=out, width=width, markup=False, emoji=False, highlight=False))
    return out.getvalue()


def test_a_regression_is_told_first_with_its_size(tmp_path: Path) -> None:
    found = worse(tmp_path)
    text = shown(found)
    assert text.splitlines()[1] == "Worse: learned regressed."
    for said in ("x regressed", "regressed by 0.294 nats/token (-53%) over 12 pairs", "0.00049", "[-0.297"):
        assert said in text
    assert headline(found) == "Worse: learned regressed."
    assert markdown(found).startswith("**Worse: <code>learned</code> regressed.**\n")


def test_no_difference_says_how_many_prompts_would_show_one(tmp_path: Path) -> None:
    few = [0.5, 0.9, 0.1, 0.7]
    then = probe(samples=few, sample_keys=list("abcd"))
    now = probe(samples=few[::-1], sample_keys=list("abcd"))
    found = compare(side(tmp_path, then), side(tmp_path, now, name="new.json"))
    said = sentence(found.rows[0])
    assert said.startswith("no difference (about ")
    assert "prompts would be needed to see 0.055 nats/token, and there are 4" in said
    assert "p cannot be below 0.12" in said
    assert "too few prompts" in shown(found)


def test_json_is_strict_and_says_the_same(tmp_path: Path) -> None:
    found = worse(tmp_path)
    [read] = json.loads(as_json([found]), parse_constant=pytest.fail)["comparisons"]
    assert (read["exit_code"], read["probes"][0]["change"]) == (1, "regressed")
    assert read["probes"][0]["difference"] == pytest.approx(-0.2945)


HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        *("\x1b[2J", "a\rb", "\u202egnp", "::error::x", "[bold]x[/bold]", "|x|\n\n# y", "<img src=x>", "![x](y)", "`"),
        *("https://evil.example/x", "www.evil.example", ":tada:", "&#64;someone", "@someone", "&#35;1", "a@b.com"),
    ]
)
CODE = re.compile(r"<code>(?:[\w ,;()%=?/+.-]|&#\d+;|<wbr>)*</code>")
"""What came from a report, with nothing in it that could act."""


@given(HOSTILE.filter(lambda t: t.isprintable() or True), HOSTILE)
def test_hostile_text_in_a_report_neither_moves_the_cursor_nor_becomes_markup(tmp_path_factory, name, message) -> None:
    tmp_path = tmp_path_factory.mktemp("hostile")
    name, message = (t.encode("utf-8", "replace").decode() for t in (name, message))
    then = side(tmp_path, probe(name=name), adapter_id=message)
    now = side(tmp_path, probe(name=name, verdict="skip", message=message, unit=message), name="new.json")
    found = compare(then, now)
    text, page = shown(found), markdown(found)
    assert not set(text) & {"\x1b", "\r", "\u202e", "\x9b", "\x07"}
    assert "::" not in text
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {7}
    assert not re.search(r"[<>&@#`]|\]\(|//|www|:\w", CODE.sub("", page))


@pytest.mark.parametrize("width", [60, 80, 160])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    assert max(map(len, shown(worse(tmp_path), width).splitlines())) <= width
