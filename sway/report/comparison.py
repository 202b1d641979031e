"""A comparison of two runs, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sway.core.exits import Exit
from sway.core.text import printable
from sway.core.verdicts import Verdict
from sway.engine.compare import Change, Comparison, Row, Side
from sway.engine.gate import Decision
from sway.engine.words import number
from sway.report.encode import cell
from sway.report.records import strict
from sway.stats.paired import MOST_PAIRS

MARK = {
    Change.REGRESSED: "x",
    Change.IMPROVED: "+",
    Change.SAME: "=",
    Change.LOST: "?",
    Change.ADDED: ".",
    Change.APART: "-",
}
STYLE = {
    Change.REGRESSED: "bold red",
    Change.IMPROVED: "bold green",
    Change.SAME: "",
    Change.LOST: "bold magenta",
    Change.ADDED: "dim",
    Change.APART: "dim",
}
ROOMY = 110
MOST_SENTENCE = 1000
HEADERS = ("", "probe", "then", "now", "difference [95% interval]", "p (Holm)")


def headline(found: Comparison, told: Callable[[str], str] = str) -> str:
    """One sentence that answers: is it worse? `told` is how it tells a probe's name."""
    worse = [told(r.name) for r in found.rows if r.change is Change.REGRESSED]
    lost = [told(r.name) for r in found.rows if r.change in (Change.LOST, Change.APART) and r.required]
    better = [told(r.name) for r in found.rows if r.change is Change.IMPROVED]
    if worse:
        return f"Worse: {_listed(worse)} regressed" + (f"; {_listed(better)} improved." if better else ".")
    if lost:
        return f"Not settled: {_listed(lost)} cannot be held against the baseline."
    if better:
        return f"Not worse: {_listed(better)} improved, and nothing regressed."
    short = [r for r in found.rows if r.change is Change.SAME and too_few(r)]
    return "No difference was found" + (", but some probes have too few prompts to show one." if short else ".")


def reasons(found: Comparison) -> tuple[str, ...]:
    """What of a comparison closes a gate."""
    said = {Change.REGRESSED: "regressed", Change.LOST: "is lost", Change.APART: "cannot be compared"}
    closing = [r for r in found.rows if r.required and r.change in said]
    return tuple(f"{r.name} {said[r.change]} against the baseline" for r in closing)


def settle(decision: Decision, found: Comparison) -> Decision:
    """The gate's decision where a regression closes it too: a failure over no verdict over a pass."""
    code = found.exit()
    if code is Exit.PASS or decision.exit is Exit.GATE_FAILED:
        return replace(decision, reasons=(*decision.reasons, *reasons(found)))
    verdict = Verdict.FAIL if code is Exit.GATE_FAILED else Verdict.ERROR
    return Decision(verdict, code, (*reasons(found), *decision.reasons))


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:6], f"{len(names) - 6} more"] if len(names) > 7 else list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def sentence(row: Row) -> str:
    """What was found of one probe, and on what it rests."""
    said = _change(row)
    parts = [f"only in the baseline: {row.only_before}"] if row.only_before else []
    parts += [f"only now: {row.only_after}"] if row.only_after else []
    unpaired = f"; {row.pairs} questions in common, {', '.join(parts)}" if parts else ""
    return f"{row.change}{said}{unpaired}"


def _change(row: Row) -> str:
    if row.why:
        return f": {row.why}"
    if row.change in (Change.REGRESSED, Change.IMPROVED):
        return f" by {_size(row)} over {row.pairs} pairs, p {row.adjusted_p:.2g}"
    floor = f"{number(row.floor or 0.0)} {row.unit}".rstrip()
    if not row.unequal:
        return f": all {row.pairs} pairs are equal"
    if (row.adjusted_p or 1.0) <= 0.05 and abs(row.gain or 0.0) < (row.floor or 0.0):
        return f" that counts: {_size(row)} is real but less than {floor}"
    return f" {_unsettled(row, floor)}"


def _unsettled(row: Row, floor: str) -> str:
    least = row.least_p or 1.0
    bound = f"; with {row.unequal} unequal pairs p cannot be below {least:.2g}" if least > 0.001 else ""
    if row.needed is None:
        return f"(too few pairs to tell: {row.pairs}{bound})"
    if not too_few(row):
        return f"({row.pairs} prompts would most likely have shown {floor})"
    more = f"{row.needed:,} or more" if row.needed >= MOST_PAIRS else f"about {row.needed}"
    return f"({more} prompts would be needed to see {floor}, and there are {row.pairs}{bound})"


def too_few(row: Row) -> bool:
    """Whether a probe has too few prompts to show a difference that counts."""
    return bool(row.unequal) and (row.needed is None or row.needed > row.pairs)


def _size(row: Row) -> str:
    """The difference without its sign, in its unit and as a share of what it was, where that is not next to nothing."""
    difference, before = row.difference or 0.0, row.before or 0.0
    share = f" ({difference / abs(before):+.0%})" if abs(before) > abs(difference) / 2 else ""
    return f"{number(abs(difference))} {row.unit}".rstrip() + share


def _cells(row: Row) -> tuple[str, str, str, str]:
    then, now = ("" if value is None else number(value) for value in (row.before, row.after))
    if row.difference is None:
        return then, now, "", ""
    change = f"{row.difference:+.3g}" if row.difference else "0"
    difference = f"{change} {row.unit}".rstrip()
    if row.interval is not None:
        difference += f" [{number(row.interval.low)}, {number(row.interval.high)}]"
    return then, now, difference, "" if row.adjusted_p is None else f"{row.adjusted_p:.2g}"


def _rule(found: Comparison) -> str:
    least = f"{found.share:.0%} of the bar, or of the baseline where that is larger"
    return f"alpha {found.alpha:g} over all probes; a difference counts from {least}"


def show_comparison(found: Comparison, console: Console) -> None:
    """Print it."""
    console.print(Group(*_parts(found, narrow=console.width < ROOMY)), highlight=False)


def _parts(found: Comparison, *, narrow: bool) -> list[RenderableType]:
    sides = (f"then: {_named(found.before)}", f"now:  {_named(found.after)}")
    parts: list[RenderableType] = [Text(), Text(printable(headline(found)), style="bold")]
    parts += [*(Text(printable(side)) for side in sides), Text(), _table(found, narrow=narrow), Text()]
    for row in found.rows:
        said = Text(printable(f"{row.name}: {sentence(row)}"))
        said.stylize("bold", 0, len(row.name) + 1)
        parts.append(Text.assemble((f"{MARK[row.change]} ", STYLE[row.change]), said))
    return [*parts, Text(), *(Text(printable(line), style="dim") for line in (*found.notes, _rule(found))), Text()]


def _named(side: Side) -> str:
    return side.name if side.name == side.adapter else f"{side.name} ({side.adapter})"


def _table(found: Comparison, *, narrow: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)

    def folded(text: str) -> str:
        return text.replace(" [", "\n[") if narrow else text

    for header in HEADERS:
        table.add_column(folded(header), overflow="fold")
    for row in found.rows:
        name = printable(row.name) + ("" if row.required else " (optional)")
        mark = Text(f"{MARK[row.change]} {row.change}", style=STYLE[row.change])
        table.add_row(mark, Text(name), *(Text(folded(text)) for text in map(printable, _cells(row))))
    return table


def markdown(found: Comparison) -> str:
    """It as Markdown, in which what comes from a report is code, and so no markup, mention or link."""
    lines = [f"**{headline(found, cell)}**", "", f"then: {cell(_named(found.before))}  "]
    lines += [f"now: {cell(_named(found.after))}", ""]
    lines += ["| " + " | ".join(h or "change" for h in HEADERS) + " |", "|---" * len(HEADERS) + "|"]
    lines += ["| " + " | ".join(_line(row)) + " |" for row in found.rows]
    lines += ["", *(f"- {cell(row.name)}: {cell(sentence(row), MOST_SENTENCE)}" for row in found.rows)]
    lines += ["", *(f"{cell(note)}  " for note in found.notes), _rule(found)]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> tuple[str, ...]:
    """A row of the Markdown table: a name and a unit come from a report, numbers do not."""
    then, now, difference, p = _cells(row)
    return row.change, cell(row.name) + ("" if row.required else " (optional)"), then, now, cell(difference), p


def as_json(found: Sequence[Comparison]) -> str:
    """Comparisons with one baseline as strict JSON: a list of `comparisons`, each with its rows."""
    return json.dumps(strict({"comparisons": [_plain(c) for c in found]}), indent=2) + "\n"


def _plain(found: Comparison) -> dict[str, Any]:
    rows = [
        {**asdict(row), "interval": (i.low, i.high) if (i := row.interval) else None, "words": sentence(row)}
        for row in found.rows
    ]
    sides = {
        key: {"name": side.name, "adapter": side.adapter, "base": side.base, "sway_version": side.sway_version}
        for key, side in (("before", found.before), ("after", found.after))
    }
    said = {"headline": headline(found), "exit_code": int(found.exit()), "alpha": found.alpha, "share": found.share}
    return {**said, **sides, "notes": list(found.notes), "probes": rows}
