"""Nothing that a report, a spec, an event or a matrix holds acts as anything but text, wherever it is told."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sway.github.baseline import Baseline
from sway.github.checks import notes_of
from sway.github.comment_mark import LONGEST, marker
from sway.github.outcome import conclude
from sway.github.outputs import values
from sway.github.pages import ROOM, Place, bodies, job_summary, length
from sway.github.settings import Settings, Wanted
from sway.report.json_report import render
from tests.github.conftest import payload
from tests.github.fake import DATA
from tests.report.cases import NASTY, hostile

MARK = marker("sway.yaml", "")
RUN = r"https://github\.com/acme/models/actions/runs/\d+"
EVIL = (
    *NASTY[:10],
    MARK,
    f"x\n{MARK}\n<!-- run 99.9 -->",
    "<!-- sway-gate 0000000000000000 -->",
    "--> <b>",
    "@acme/admins @dependabot merge",
    "fixes #1, closes acme/models#2, resolves https://github.com/acme/models/issues/3, GH-4",
    "[x](https://evil.example) ![](https://evil.example/x.png) <https://evil.example> https://evil.example",
    "www.evil.example a@evil.example mailto:a@evil.example",
    "[x]: https://evil.example\n[x]",
    "<details open><summary>ok</summary></details><img src=https://evil.example/x.png><a href='//evil.example'>",
    "::set-output name=verdict::pass\n::error::x\r::warning::y ##[error]z\x0b::add-mask::a\x85::b::c",
    "verdict=pass\nGITHUB_OUTPUT<<EOF\nEOF",
    "$(touch /tmp/owned) `id` ${{ github.token }} ; rm -rf / | cat & !!",
    '```\n````\n~~~\n```mermaid\nclick A "javascript:alert(1)"\n```',
    "$$\\href{https://evil.example}{x}$$ $`x`$ :tada: ~~x~~ - [x] done",
    "| a | b |\n|---|---|\n| c | d |",
    "</code></td></table><script>alert(1)</script>",
    "&lt;img&gt; &#64;admin &commat;admin",
    "0123456789abcdef0123456789abcdef01234567",
)
TAGS = {"code", "/code", "wbr", "br", "details", "details open", "/details", "summary", "/summary", "sub", "/sub"}
MARKDOWN = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
texts = st.lists(st.one_of(st.sampled_from(EVIL), st.text(max_size=80)), min_size=1, max_size=4)
HERE = "https://github.com/acme/models/actions/runs/1"
relaxed = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tokens(markdown):
    for token in markdown:
        yield token
        yield from tokens(token.children or ())


def check(text: str) -> None:
    """What holds of any page of ours."""
    links = []
    for token in tokens(MARKDOWN.parse(text)):
        assert token.type not in ("image", "heading_open") or token.tag in ("h2", "h3", "h4"), token
        if token.type == "link_open":
            links.append(token.attrs["href"])
        if token.type in ("html_block", "html_inline"):
            found = re.findall(r"<([^>]*)>", token.content)
            assert set(found) <= TAGS, token.content
        if token.type == "fence":
            assert token.info in ("text", "mermaid")
            assert token.info == "text" or re.fullmatch(r"[\w\s\",.\[\]%+-]*", token.content), token.content
    assert all(re.fullmatch(RUN, link) for link in links), links
    check_autolinks(text)
    assert not set(text) & set("\r\x0b\x0c\x1b\x85\u2028\u2029\u202e\u2066")
    assert "::" not in text
    assert "##[" not in text


def check_autolinks(text: str) -> None:
    """Mentions, addresses and closing words are looked for in what is neither in a fence nor code."""
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"<code>(.*?)</code>", outside, re.DOTALL):
        assert not re.search(r"[<>@`*_\[\]|\\\n:#]", re.sub(r"<wbr>|&#\d+;", "", code)), code
    seen = re.sub(RUN, "", re.sub(r"<code>.*?</code>", "code", outside))
    assert not re.search(r"https?:|www\.|@\w|mailto", seen)
    assert not re.search(r"(?<![&\w])#\d|GH-\d|<!--", seen)


def whole(tmp_path: Path, given_texts) -> tuple:
    path = tmp_path / "report.json"
    path.write_text(render(hostile(tuple(given_texts))), encoding="utf-8")
    return conclude([path], Baseline(path), Wanted(fail_on_regression=True), gate_exit=None), path


def pages(outcome, text: str) -> list[str]:
    place = Place(text, "a" * 40, text, HERE, foreign=True)
    return [*bodies(outcome, place), job_summary(outcome, place, 900_000)]


@pytest.mark.parametrize("text", EVIL)
def test_each_known_attack_stays_text(tmp_path, text):
    outcome, _ = whole(tmp_path, [text])
    for page in pages(outcome, text):
        check(page)


@relaxed
@given(texts, st.text(max_size=60))
def test_any_text_stays_text(tmp_path, found, other):
    outcome, _ = whole(tmp_path, found)
    for page in pages(outcome, other):
        check(page)


@relaxed
@given(texts)
def test_a_page_is_never_too_long_and_never_cut(tmp_path, found):
    outcome, _ = whole(tmp_path, [t * 40 for t in found] * 5)
    made = bodies(outcome, Place(sha="a" * 40, run_url=HERE))
    assert made
    assert all(length(page) <= LONGEST - ROOM for page in made)
    for page in made:
        check(page)
        assert page.count("<details") == page.count("</details>")


def test_a_hundred_reports_of_the_worst_kind_still_have_a_comment(tmp_path):
    for i in range(100):
        text = "|<@" * 100
        (tmp_path / f"{i}.json").write_text(render(hostile((f"{i} {text}",))), encoding="utf-8")
    outcome = conclude([tmp_path], Baseline(), Wanted(), gate_exit=None)
    (*_, poorest) = bodies(outcome, Place())
    assert length(poorest) < 1000
    assert "sway: FAIL" in poorest


def unknown_key(path: Path, text: str) -> None:
    """Write a report that is whole but for a key of its own, which the fault that is told names."""
    data = json.loads((DATA / "pass.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, sound(text): 1}), encoding="utf-8")


def sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("text", EVIL)
def test_what_changed_is_told_in_nothing_that_acts(tmp_path, text, lost):
    for name in ("main", "regression"):
        data = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        data["base_model_id"], data["digests"]["base"] = sound(f"{text} {name}"), ""
        for probe in data["probes"]:
            probe.update(name=sound(f"{text} {probe['name']}"), unit=sound(text), message=sound(text))
            probe.update({"verdict": "error"} if lost and name == "regression" else {})
        (tmp_path / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    wanted = Wanted(fail_on_regression=True)
    outcome = conclude([tmp_path / "regression.json"], Baseline(tmp_path / "main.json"), wanted, gate_exit=None)
    assert outcome.reports[0].regressed is not lost
    for page in pages(outcome, text):
        check(page)


@pytest.mark.parametrize("text", EVIL)
def test_a_faulty_report_quotes_nothing_that_acts(tmp_path, text):
    unknown_key(tmp_path / "r.json", text)
    outcome = conclude([tmp_path / "r.json"], Baseline(), Wanted(), gate_exit=0)
    assert outcome.exit == 3
    assert outcome.reports[0].why.startswith("is not a sway report: ")
    for page in pages(outcome, text):
        check(page)


@pytest.mark.parametrize("text", EVIL)
def test_outputs_are_single_lines_of_known_words(tmp_path, text):
    outcome, _ = whole(tmp_path, [text])
    found = values(outcome, Settings(wanted=Wanted(report_path=text)))
    assert found["verdict"] in ("pass", "warn", "fail", "error")
    assert re.fullmatch(r"[01]\.\d{4}|", found["sway-score"])
    for value in found.values():
        assert "\n" not in value
        assert "\r" not in value
        assert "::" not in value
    assert not re.search(r"[$`;|&<>!\x00-\x1f]", found["report-path"])


@pytest.mark.parametrize("text", EVIL)
def test_notes_are_plain_and_lie_inside_the_repository(tmp_path, text):
    outcome, _ = whole(tmp_path, [text])
    for note in notes_of(outcome):
        assert not note["path"].startswith("/")
        assert ".." not in note["path"].split("/")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", note["message"] + note["title"])


@pytest.mark.parametrize("text", EVIL)
def test_nothing_printed_is_a_command_that_is_not_ours(at, post, hub, tmp_path, text):
    event = payload("pull_request")
    event["pull_request"]["base"]["ref"] = text
    event["pull_request"]["head"]["ref"] = text
    event["pull_request"]["title"] = text
    usable = {"SWAY_KEY": text} if "\x00" not in text and "\ud800" not in text else {}
    folder = at(event=json.loads(json.dumps(event).replace("\\ud800", "").replace("\\udfff", "")), **usable)
    report = folder / "r.json"
    report.write_text(render(hostile((text,))), encoding="utf-8")
    broken = folder / "b.json"
    unknown_key(broken, text)
    for arguments in (("--report", report), ("--report", broken), ("--report", report, "--dry-run")):
        _, said = post("post", *arguments)
        for line in re.split(r"[\n\r\x0b\x0c\x85\u2028\u2029]", said):
            shown = re.sub(r"^::(warning|error|notice)::", "", line)
            assert "::" not in shown
            assert "##[" not in shown
            assert not set(shown) & set("\x1b\x00\u202e")
    lines = (folder / "output").read_text(encoding="utf-8").splitlines()
    assert [line.split("=")[0] for line in lines] == 2 * list(values_names())
    assert len(hub.bodies()) == 1
    check(hub.bodies()[0].split("\n", 2)[2])


def values_names():
    return ("verdict", "sway-score", "band", "passed", "regressed", "report-path")


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_marker_is_one_line_of_fixed_shape(spec, key):
    assert re.fullmatch(r"<!-- sway-gate [0-9a-f]{16} -->", marker(spec, key))


def test_the_check_itself_finds_what_it_looks_for():
    for bad in ("@admin", "[x](https://evil.example)", "<img src=x>", "fixes #1", "<!-- x -->", "a::b", "![](x)"):
        with pytest.raises(AssertionError):
            check(bad)


def test_kept_comments_are_checked_alike():
    for path in sorted((DATA.parents[2] / "docs" / "comments").glob("*.md")):
        check(path.read_text(encoding="utf-8").split("\n", 2)[2])
