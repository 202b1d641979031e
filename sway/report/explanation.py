"""A report explained on a terminal: what each number means, what shifted, and what to try."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from sway.core.text import printable
from sway.report.changes import Change, Piece
from sway.report.summary import Row, Summary
from sway.report.terminal import MARK, STYLE, gate, subject, title

MOST_SHIFTED, MOST_TEXTS, MOST_TEXT = 5, 3, 400


def explain(summary: Summary, console: Console) -> None:
    """Print the explanation: how the gate stands, what needs attention, then what shifted where all is well."""
    held = [row for row in summary.rows if not row.troubled and (row.evidence.changes or row.advice)]
    parts: list[RenderableType] = [Text(), title(summary), *subject(summary), *gate(summary)]
    parts += [part for row in (*summary.troubled, *held) for part in _row(row)]
    console.print(Group(*parts, Text()), highlight=False)


def _row(row: Row) -> Iterator[RenderableType]:
    # Joined before it is made printable: a name and its colon must not make a runner's command together.
    name = printable(f"{row.name} ({row.kind})", 200)
    yield Text()
    yield Text.assemble((f"{MARK[row.verdict]} {row.verdict} ", STYLE[row.verdict]), (name, "bold"))
    for part in _told(row):
        yield Padding(part, (0, 0, 0, 2), expand=False)


def _told(row: Row) -> Iterator[Text]:
    yield from (Text(printable(said)) for said in (row.question, row.message) if said)
    if row.meaning:
        yield Text(row.meaning)
    yield from (
        Text(printable(f"broken: {words}")) for words, holds in row.checks if not holds and words not in row.message
    )
    yield from _shifted([c for c in row.evidence.changes if c.tokens][:MOST_SHIFTED])
    for change in [c for c in row.evidence.changes if not c.tokens][:MOST_TEXTS]:
        yield from _before_and_after(change)
    for advice in row.advice:
        because = Text(printable(f" (because: {advice.because})") if advice.because else "", style="dim")
        yield Text.assemble("-> ", (advice.do, "bold"), because)


def _shifted(changes: list[Change]) -> Iterator[Text]:
    if changes:
        yield Text("most shifted prompts, and the next words that came and went:")
    for change in changes:
        words = f"lost {_listed(change.before)}; gained {_listed(change.after)}"
        yield Text(printable(f"  \u201c{change.prompt}\u201d {change.measured}: {words}", MOST_TEXT))


def _listed(tokens: tuple[Piece, ...]) -> str:
    return ", ".join(repr(token) for token, _ in tokens) or "none"


def _before_and_after(change: Change) -> Iterator[Text]:
    sides = {
        "asked": change.prompt,
        "base": "".join(text for text, _ in change.before),
        "tuned": "".join(text for text, _ in change.after),
        "wanted": change.gold,
        "measured": change.measured,
    }
    yield from (Text(printable(f"  {name:8} {text}", MOST_TEXT)) for name, text in sides.items() if text)
