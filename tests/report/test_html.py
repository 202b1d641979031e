"""The HTML report in Chromium: nothing moves sideways, nothing runs, nothing is fetched, everything can be read."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from sway.report.formats import FORMATS
from tests.report.cases import CASES, NASTY, hostile
from tests.report.chromium import FOUND, Browser, browser

pytestmark = pytest.mark.skipif(FOUND is None, reason="needs Chromium on the PATH")
PAGES = {**{name: CASES[name] for name in ("pass", "fail", "no probes")}, "hostile": hostile(NASTY)}
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true })"
# The contrast of every text with what is behind it, by WCAG 2.2; text in a picture stands on its panel.
CONTRAST = """(() => {
  const parse = c => { const n = c.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n }
  const linear = x => x <= .04045 * 255 ? x / 255 / 12.92 : ((x / 255 + .055) / 1.055) ** 2.4
  const light = c => .2126 * linear(c[0]) + .7152 * linear(c[1]) + .0722 * linear(c[2])
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor)
      if (c[3] > 0) return c
    }
    return [255, 255, 255, 1]
  }
  const low = []
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement
    if (!walk.currentNode.data.trim() || ['TITLE', 'DESC', 'title', 'desc'].includes(e.tagName)) continue
    const style = getComputedStyle(e), ink = parse(e.namespaceURI.endsWith('svg') ? style.fill : style.color)
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x)
    const ratio = (a + .05) / (b + .05)
    if (ratio < 4.5) low.push(`${e.tagName}.${e.getAttribute('class')}: ${ratio.toFixed(2)}`)
  }
  return [...new Set(low)]
})()"""


@pytest.fixture(scope="module")
def page():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("html")
    for name, report in PAGES.items():
        (folder / f"{name}.html").write_text(FORMATS["html"](report), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_runs_nothing_and_fetches_nothing(page: Browser, files, name, width):
    page.show(files[name], width=width)
    page.value(OPEN)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("document.title").endswith(" - sway")
    assert page.value("document.scripts.length") == 0
    assert [r["request"]["url"] for r in page.told("Network.requestWillBeSent")] == [files[name].as_uri()]
    trouble = page.told("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert not trouble, json.dumps(trouble)[:500]


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read_in_light_and_in_dark(page: Browser, files, dark):
    page.show(files["fail"], width=1280, dark=dark)
    page.value(OPEN)
    assert page.value("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)"
    )
    assert page.value(CONTRAST) == []


def test_the_style_is_the_one_that_the_policy_allows(page: Browser, files):
    page.show(files["pass"], width=1280)
    assert page.value("document.styleSheets.length") == 1
    policy = page.value("document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    page.value("document.body.setAttribute('onclick', 'document.title = 1'); document.body.click()")
    assert page.value("document.title") != "1"


def test_a_reader_without_a_screen_finds_his_way(page: Browser, files):
    page.show(files["fail"], width=390)
    page.value(OPEN)
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored")}
    roles = {role for role, _ in named}
    assert {"heading", "table", "columnheader", "rowheader", "main", "link"} <= roles
    pictures = [name for role, name in named if role in ("image", "img")]
    assert "Effect as the adapter is turned up" in pictures
    assert "Effect over the turns of a dialogue" in pictures
    assert "Training loss" in pictures
    assert all(pictures)
    levels = page.value("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    unnamed = (
        "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.querySelector('th[scope=col]')).length"
    )
    assert page.value(unnamed) == 0


def test_focus_can_be_seen(page: Browser, files):
    page.show(files["fail"], width=390)
    seen = []
    for _ in range(12):
        page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(page.value("getComputedStyle(document.activeElement).outlineStyle"))
    assert set(seen) == {"solid"}
