"""The comment and the job's summary, from templates; each as rich as it may be long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sway.engine.compare import Change, Row
from sway.engine.score import band
from sway.engine.words import number
from sway.github.comment_mark import LONGEST
from sway.github.outcome import Judged, Outcome
from sway.report.charts import Curve
from sway.report.comparison import sentence, too_few
from sway.report.headline import CLOSED
from sway.report.pages import fill, markdown
from sway.report.summary import Row as Probe

RICHEST, POOREST = 4, -2
"""4 everything; 3 no evidence of what did not hold; 2 none of what held; 1 no curves either; -1 a row a spec; -2 the
verdict alone."""
ROOM = 200
"""Characters for the marker and the stamp."""
SIGNS = {Change.REGRESSED: "📉", Change.IMPROVED: "📈", Change.LOST: "❓", Change.ADDED: "🆕", Change.APART: "❔"}
MOVED = (Change.REGRESSED, Change.IMPROVED)


@dataclass(frozen=True)
class Place:
    """What a page says of where it stands. `base` names the branch that it is held against."""

    base: str = ""
    sha: str = ""
    key: str = ""
    run_url: str = ""
    foreign: bool = False

    @staticmethod
    def band(judged: Judged) -> str:
        """The band of the score, which the report's own word for it need not be."""
        return "" if judged.score is None else band(judged.score)

    def headline(self, judged: Judged) -> str:
        """One sentence in fixed words: what the probes say, or, where they hold, that it is worse than before."""
        said = judged.summary.headline if judged.summary else ""
        if not judged.regressed or said != CLOSED:
            return said
        worse = len([row for row in self.told(judged) if row.change is Change.REGRESSED])
        return f"It is worse than what is in use: {worse} of its probes regressed."

    def slipped(self, judged: Judged) -> list[Row]:
        """What regressed although it does not fail."""
        troubled = {row.name for row in judged.summary.troubled} if judged.summary else set()
        return [row for row in self.told(judged) if row.change is Change.REGRESSED and row.name not in troubled]

    @staticmethod
    def told(judged: Judged) -> list[Row]:
        """What changed: what is worse first, and what counts before what does not."""
        rows = [r for r in judged.against.rows if r.change in MOVED] if judged.against else []
        return sorted(rows, key=lambda r: (MOVED.index(r.change), not r.required))

    @staticmethod
    def apart(judged: Judged) -> list[list[Row]]:
        """What could not be compared, together where it is for one reason."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in judged.against.rows if judged.against else ():
            if row.change in SIGNS and row.change not in MOVED:
                groups.setdefault((row.change, row.why), []).append(row)
        return list(groups.values())[:8]

    @staticmethod
    def same(judged: Judged) -> list[Row]:
        """What did not change."""
        return [r for r in judged.against.rows if r.change is Change.SAME] if judged.against else []

    def short(self, judged: Judged) -> int:
        """How many of these could not have shown a change."""
        return sum(too_few(row) for row in self.same(judged))

    @staticmethod
    def sign(row: Row) -> str:
        """A sign for what became of a probe."""
        return SIGNS[row.change]

    @staticmethod
    def why(row: Row) -> str:
        """What the change rests on."""
        return sentence(row)

    @staticmethod
    def number(value: float | None) -> str:
        """A number as the report shows it."""
        return "" if value is None else number(value)

    @staticmethod
    def telling(row: Probe, curve: Curve) -> bool:
        """Whether a curve is worth its room in a comment: of what did not hold any, else response and rank."""
        flat = len({y for _, y in curve.points}) < 2
        return not flat and (row.troubled or row.kind == "adapter_ablation" or "rank" in curve.x)


def bodies(outcome: Outcome, place: Place, limit: int = LONGEST - ROOM) -> list[str]:
    """The comment, richest first, each of at most `limit` characters as GitHub may count them."""
    texts = (fill("comment.md.j2", o=outcome, place=place, detail=d) for d in range(RICHEST, POOREST - 1, -1))
    return list(dict.fromkeys(text for text in texts if length(text) <= limit))


def length(text: str) -> int:
    """Characters, those beyond the basic plane counted as two."""
    return len(text.encode("utf-16-le")) // 2


def job_summary(outcome: Outcome, place: Place, limit: int) -> str:
    """The page of the run, of at most `limit` bytes: the comment, then each whole report, as far as there is room."""
    for text in _summaries(outcome, place, limit):
        if len(text.encode()) <= limit:
            return text
    return ""


def _summaries(outcome: Outcome, place: Place, limit: int) -> Iterator[str]:
    for share in (1, 2, 4):
        each = limit // (share * max(len(outcome.reports), 1))
        whole = [markdown(r.summary, each // 4) if r.summary else "" for r in outcome.reports]
        yield fill("summary.md.j2", o=outcome, place=place, detail=1, whole=whole)
    yield from bodies(outcome, place, limit // 4)
