"""The reports that are text, each from its template; a value that no encoder has seen goes through the page's own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sway.core.exits import Exit
from sway.core.templates import environment, folder
from sway.core.text import visible
from sway.core.verdicts import Verdict
from sway.report.encode import Encoded, cell, fence, quiet_markup
from sway.report.mermaid import decimal, shown, tellable
from sway.report.summary import Row, Summary
from sway.report.svg import draw

if TYPE_CHECKING:
    from jinja2 import Environment, Template

MOST_TEXT = 4000
MARKDOWN_LIMIT = 900_000
"""GitHub drops a job summary of more than a mebibyte whole."""
STYLE = "report.css"
DETAIL = 4
"""How much a Markdown report tells: 4 everything, 3 no details of what passed, 2 no curves, 1 no evidence, 0 the
table's head alone."""


def markdown(summary: Summary, limit: int = MARKDOWN_LIMIT) -> str:
    """The report as Markdown of at most `limit` characters, the least needed parts left out first."""
    for detail in range(DETAIL, -1, -1):
        text = fill("report.md.j2", s=summary, detail=detail)
        if len(text) <= limit:
            break
    return text


def fill(template: str, **values: object) -> str:
    """A Markdown template filled in. What no encoder has seen, and is no number or word of ours, becomes a cell."""
    ways = {"ours": Encoded, "cell": cell, "fence": fence, "drawn": shown, "tellable": tellable, "decimal": decimal}
    return str(_page(template, _encoded).render(**ways, **values))


def html(summary: Summary) -> str:
    """The report as one HTML page that loads nothing and runs nothing."""
    style = (folder() / STYLE).read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return quiet_markup(str(_page("report.html.j2", _text).render(s=summary, draw=draw, style_hash=digest)))


def junit(summary: Summary) -> str:
    """The report as JUnit XML: a test case a probe, and one of the gate, which alone says what it decided.

    It is there at an open gate too: a test view tells from run to run that a case fails, and that it holds again.
    """
    failed = summary.exit_code == Exit.GATE_FAILED
    counts = {
        "failures": failed + sum(r.required and r.verdict is Verdict.FAIL for r in summary.rows),
        "errors": (summary.closed and not failed)
        + sum(r.required and r.verdict is Verdict.ERROR for r in summary.rows),
        "skipped": sum(r.verdict is Verdict.SKIP for r in summary.rows),
    }
    gate = {"closed": "failure" if failed else "error", "gate": "\n".join([summary.headline, *summary.reasons])}
    return quiet_markup(str(_page("report.xml.j2", _text).render(s=summary, counts=counts, told=_told, **gate)))


def _told(row: Row) -> str:
    """What a test case says: the message, then what to do about it."""
    advice = [f"-> {a.do}" + (f" ({a.because})" if a.because else "") for a in row.advice]
    return "\n".join([row.message, *advice])


@cache
def _page(name: str, finalize: Callable[[Any], Any]) -> Template:
    pages: Environment = environment().overlay(finalize=finalize)
    return pages.get_template(name)


def _encoded(value: Any) -> Any:
    """For Markdown: what is neither encoded, a number nor one of our own words becomes a cell."""
    return value if isinstance(value, Encoded | int | float | Verdict) else cell(value)


def _text(value: Any) -> Any:
    """For pages that escape markup: text without what no page may hold. `Markup` is what a macro has escaped."""
    return visible(value, MOST_TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value
