"""The report on a terminal: verdict first, the numbers that decided it, what to do next."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sway.core.text import printable
from sway.core.verdicts import Verdict
from sway.report.summary import Row, Summary

STYLE = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.WARN: "bold yellow",
    Verdict.SKIP: "dim",
    Verdict.ERROR: "bold magenta",
}
MOST_CELL = 200
ROOMY = 110
"""Columns in which a row of the table fits on one line."""
MARK = {Verdict.PASS: "+", Verdict.FAIL: "x", Verdict.WARN: "!", Verdict.SKIP: "-", Verdict.ERROR: "?"}


def show(summary: Summary, console: Console) -> None:
    """Print the report. Colour and width are the console's; nothing depends on colour alone."""
    console.print(Group(*_parts(summary, narrow=console.width < ROOMY)), highlight=False)


def _parts(summary: Summary, *, narrow: bool) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(), title(summary), *subject(summary), Text(), _table(summary, narrow=narrow)]
    if summary.profiles:
        parts += [Text(), Text("Against noise of other ranks", style="bold"), *map(_line, summary.profiles)]
    if summary.troubled:
        parts += [Text(), Text("Why, and what to do next", style="bold")]
        parts += [part for row in summary.troubled for part in _trouble(row)]
    return [*parts, *gate(summary), Text(), *(_line(line, "dim") for line in summary.footer), Text()]


def title(summary: Summary) -> RenderableType:
    """The verdict and the answer."""
    badge = Text(f" {summary.verdict.upper()} ", style=f"{STYLE[summary.verdict]} reverse")
    return Text.assemble(badge, "  ", (printable(summary.headline), "bold"))


def subject(summary: Summary) -> list[RenderableType]:
    """What was judged, by which spec, to which score."""
    adapter = f"{summary.adapter} on {summary.base}" if summary.adapter else summary.base
    return [_line(f"{adapter}"), _line(f"{summary.spec}; {summary.score}", "dim")]


def gate(summary: Summary) -> list[RenderableType]:
    """How the gate stands and why, after an empty line, where there is something to say."""
    return [Text(), _line(summary.gate)] if summary.gate else []


def _table(summary: Summary, *, narrow: bool) -> Table:
    """A row a probe. Where there is little room, cells break where their parts meet rather than anywhere."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)

    def cell(text: str) -> str:
        text = printable(text, MOST_CELL)
        return text.replace(" [", "\n[").replace(", p ", "\np ").replace(" checks ", "\nchecks ") if narrow else text

    for header in ("", "probe", "measured [95% interval]", "bar", "against noise"):
        table.add_column(cell(header), overflow="fold")
    for row in summary.rows:
        mark = Text(f"{MARK[row.verdict]} {row.verdict}", style=STYLE[row.verdict])
        name = Text(printable(row.name, MOST_CELL) + ("" if row.required else " (optional)"))
        table.add_row(mark, name, cell(row.measured), cell(row.bar), cell(row.noise))
    return table


def _trouble(row: Row) -> list[RenderableType]:
    # Joined before it is made printable: a name and its colon must not make a runner's command together.
    said = Text(printable(f"{row.name[:MOST_CELL]}: {row.message}"))
    said.stylize("bold", 0, len(row.name[:MOST_CELL]) + 1)
    parts: list[RenderableType] = [Text.assemble((f"{MARK[row.verdict]} ", STYLE[row.verdict]), said)]
    return [*parts, *(Padding(Text(f"-> {advice.do}"), (0, 0, 0, 2), expand=False) for advice in row.advice)]


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
