"""Every renderer on the same cases: whole outputs as they are kept beside this file, and what holds of all of them.

Set SWAY_UPDATE_SNAPSHOTS=1 to write the outputs anew, and look at the difference.
"""

import json
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sway.core.verdicts import Reason, Verdict
from sway.report import json_report
from sway.report.encode import cell, fence
from sway.report.formats import FORMATS
from sway.report.pages import markdown
from sway.report.reading import read_report
from sway.report.records import Report
from sway.report.summary import summarize
from tests.report.cases import CASES, CHANGED, HUGE, NASTY, hostile, report

HERE = Path(__file__).parent
SNAPSHOTS = HERE / "snapshots"
ENDINGS = {"terminal": "txt", "json": "json", "junit": "xml", "markdown": "md", "html": "html", "sarif": "sarif"}
SARIF_SCHEMA = json.loads((HERE / "vendor" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
REPORT = jsonschema.Draft202012Validator(json_report.schema())
SARIF = jsonschema.Draft7Validator(SARIF_SCHEMA, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
FORBIDDEN = set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x2028, 0x2029, 0xFFFE, 0xFFFF]))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_whole_outputs_are_as_they_are_kept(form, case):
    path = SNAPSHOTS / f"{case.replace(' ', '-')}.{ENDINGS[form]}"
    text = FORMATS[form](CASES[case])
    if os.environ.get("SWAY_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_snapshot_is_left_over():
    wanted = {f"{case.replace(' ', '-')}.{ending}" for case in CASES for ending in ENDINGS.values()}
    assert {p.name for p in SNAPSHOTS.iterdir()} == wanted


@pytest.mark.parametrize("case", CASES)
def test_a_saved_report_is_rendered_identically(tmp_path, case):
    path = tmp_path / "report.json"
    path.write_text(FORMATS["json"](CASES[case]), encoding="utf-8")
    again = read_report(path)
    assert {form: render(again) for form, render in FORMATS.items()} == {
        form: render(CASES[case]) for form, render in FORMATS.items()
    }


def check(found: Report) -> None:
    """What holds of the outputs for any report."""
    texts = {form: render(found) for form, render in FORMATS.items()}
    for form, text in texts.items():
        text.encode("utf-8")
        assert not FORBIDDEN & set(text), form
        assert "::" not in text, form
        assert "##[" not in text, form
    check_json(texts["json"])
    check_junit(texts["junit"], found)
    check_sarif(texts["sarif"])
    check_html(texts["html"])
    check_markdown(texts["markdown"])


def check_json(text: str) -> None:
    read = json.loads(text, parse_constant=pytest.fail)
    REPORT.validate(read)
    assert Report.model_validate_json(text, strict=True)


COUNTED = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def check_junit(text: str, found: Report) -> None:
    tree = ET.fromstring(text)
    cases = tree.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases[len(found.probes) :]] == ["__gate__"]
    for case, probe in zip(cases, found.probes, strict=False):
        if probe.kind.isidentifier():
            assert case.get("classname") == probe.kind
    assert {e.tag for e in tree.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase"),
        *("failure", "error", "skipped", "system-out"),
    }
    properties = {p.get("name") for p in tree.iter("property")}
    assert {f"component.{name}" for name in found.score.components} | {"band"} <= properties
    assert ("overall" in properties) == (found.score.overall is not None)
    for suite in (tree, tree[0]):
        counted = {name: len(tree.findall(f".//{tag}")) for name, tag in COUNTED.items()}
        assert {name: int(suite.get(name, "")) for name in COUNTED} == counted


def check_sarif(text: str) -> None:
    """It holds to the schema, and no message holds a link: each bracket and backslash is escaped."""
    read = json.loads(text)
    SARIF.validate(read)
    for found in read["runs"][0]["results"]:
        assert not set(re.sub(r"\\[\[\]\\]", "", found["message"]["text"])) & set("[]\\")


class Page(HTMLParser):
    """The tags and attributes of a page, and that they are properly nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "p", "h1", "h2", "h3", "h4", "h5", "dl", "dt"),
    *("dd", "div", "bdi", "main", "section", "ol", "ul", "li", "span", "strong", "table", "caption", "thead", "tr"),
    *("th", "tbody", "td", "small", "details", "summary", "figure", "figcaption", "svg", "desc", "text", "rect"),
    *("line", "polyline", "circle", "meter", "footer", "del", "ins"),
}


def check_html(text: str) -> None:
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in ("src", "style", "action")], (tag, attrs)
        assert attrs.get("href", "#").startswith("#")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a"}
    assert targets <= set(ids)


MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})
OUR_HTML = re.compile(r"</?(code|details|summary)>|<(wbr|br)>")


def check_markdown(text: str) -> None:
    """Nothing in it is a link, an image, a mention, or HTML of anybody else's."""
    tokens = MARKDOWN.parse(text)
    inline = [child for t in tokens for child in t.children or []]
    for t in (*tokens, *inline):
        assert t.type not in ("link_open", "image", "code_block", "hr", "em_open", "strong_open", "s_open"), t
        if t.type in ("html_block", "html_inline"):
            assert not re.sub(r"\s|[\w:&#;,. ()=?%/+-]", "", OUR_HTML.sub("", t.content)), t.content
    headings = [t for i, t in enumerate(tokens) if t.type == "inline" and tokens[i - 1].type == "heading_open"]
    assert all(
        re.match(r"sway: |Why, and|What held|(pass|fail|warn|error|skip):( <code>|$)", h.content) for h in headings
    )
    for t in inline:
        if t.type == "text":
            assert "@" not in t.content or t.content.endswith("@"), t.content


@pytest.mark.parametrize("case", CASES)
def test_every_output_is_sound(case):
    check(CASES[case])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=40) | st.sampled_from(NASTY[:10]), min_size=1, max_size=3))
def test_hostile_text_escapes_nowhere(texts):
    check(hostile(tuple(texts)))


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("per_prompt", "sections", "chunks", "lambdas", "distance", "loss", "steps", "per_turn", "half_life_turns"),
        *("z_by_rank", "worst_offenders", "instability_steps", "restless_layers", "context_lengths", "flat", "prompt"),
    ]
)
KINDS = ["delta_kl", "section_internalization", "adapter_ablation", "training_drift", "multi_turn_coherence_decay"]
KINDS += ["leakage", "external_perplexity", "calibration_drift", "gradient_ghost", "prompt_collapse", "unknown"]


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(KEYS, SHAPES, max_size=4), st.sampled_from(KINDS))
def test_evidence_of_any_shape_is_shown_and_breaks_nothing(evidence, kind):
    check(
        report(replace(CHANGED, kind=kind, verdict=Verdict.FAIL, reason=Reason.SHAPE, z_by_rank={}, evidence=evidence))
    )


@given(st.text(st.characters()) | st.sampled_from(NASTY))
def test_both_encoders_of_markdown_keep_text_inert(text):
    row = MARKDOWN.parse(f"| a |\n|---|\n| {cell(text)} |\n")
    inline = [t for t in row if t.type == "inline"]
    assert len(inline) == 2
    assert {c.type for c in inline[1].children} <= {"html_inline", "text"}
    assert len(cell(text)) < 3000
    block = [t for t in MARKDOWN.parse(f"before\n\n{fence(text)}\n\nafter\n") if t.type != "inline"]
    assert [t.type for t in block] == [
        "paragraph_open",
        "paragraph_close",
        "fence",
        "paragraph_open",
        "paragraph_close",
    ]


def test_cells_and_fences_say_what_the_text_says():
    row = MarkdownIt("gfm-like", {"linkify": False}).render(f"| a |\n|---|\n| {cell('1.5 | `x` <b> *y* @z')} |\n")
    assert "1.5 | `x` &lt;b&gt; *y* @" in row
    assert "````text\n```\nx\n````" in fence("```\r\nx")


@pytest.mark.parametrize("name", ["[Approved](https://evil.example/x)", "\\[Approved](https://evil.example/x)"])
def test_a_probe_cannot_link_from_code_scanning(name):
    text = FORMATS["sarif"](report(replace(CHANGED, name=name, message=name, kind=name, verdict=Verdict.FAIL)))
    check_sarif(text)
    run = json.loads(text)["runs"][0]
    escaped = name.replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]")
    assert all(each["message"]["text"].count(escaped) >= 1 for each in run["results"])
    assert run["tool"]["driver"]["rules"][0]["shortDescription"]["text"] == escaped


def test_sizes_stay_bounded():
    found = report(*HUGE)
    sizes = {form: len(render(found)) for form, render in FORMATS.items()}
    assert sizes["markdown"] < 900_000
    assert sizes["html"] < 5_000_000
    assert sizes["junit"] < 100_000
    assert sizes["terminal"] < 20_000
    line = hostile(("x" * 1_000_000,))
    assert all(len(render(line)) < 1_500_000 for render in FORMATS.values())


def test_markdown_leaves_out_what_is_needed_least_until_it_fits():
    summary = summarize(CASES["fail"])
    whole = markdown(summary)
    assert "mermaid" in whole
    sizes = [len(markdown(summary, limit)) for limit in (len(whole), len(whole) - 1, 5000, 3500, 100)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 3
    assert all(markdown(summary, limit).startswith("## sway: FAIL\n") for limit in (5000, 100))
