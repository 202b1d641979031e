"""The verdict beside the commit: a check run with a note at each failing probe's line, else a commit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from github.CheckRun import CheckRun

from sway.core.exits import Exit
from sway.core.text import printable, visible
from sway.core.verdicts import Verdict
from sway.github.outcome import Outcome
from sway.github.pages import length
from sway.github.transport import Client, Refused, Unclear
from sway.report.sarif import relative_path
from sway.report.summary import Row

NAME = "sway"
MOST_NOTES = 50
"""Annotations that GitHub takes in one request."""
ALL_NOTES = 200
TRIES = 3
LONGEST_TEXT = 65_535
LONGEST_STATUS = 140
_LEVELS = {Verdict.FAIL: "failure", Verdict.ERROR: "failure", Verdict.WARN: "warning", Verdict.SKIP: "warning"}
_SAID = {
    Verdict.PASS: "The adapter passed.",
    Verdict.WARN: "Some of it is not settled.",
    Verdict.FAIL: "The adapter failed.",
    Verdict.ERROR: "No verdict is possible.",
}
FOREIGN = " So says a job that the pull request controls."


def show(
    client: Client, sha: str, outcome: Outcome, texts: Sequence[str], *, label: str, mark: str, foreign: bool = False
) -> str:
    """Put the verdict beside the commit; `check` or `status`, whichever was allowed.

    `texts` are what it says, richest first; `label` is what it is of, where that is not plain, and `mark` tells the
    reports of one run apart. `foreign`: a job of the pull request made the report, which is said in the title, as
    nothing else is seen beside the commit.

    Raises:
        Refused: neither is allowed.
        Unclear: GitHub did not answer.
    """
    name = f"{NAME} ({label})" if label else NAME
    title = _SAID[outcome.verdict] + (FOREIGN if foreign else "") + (f" ({label})" if label else "")
    told = {"title": title, "summary": next((t for t in texts if length(t) <= LONGEST_TEXT), "")}
    try:
        for turn in range(TRIES):
            try:
                _check(client, sha, outcome, told, name, mark)
                return "check"
            except Unclear as fault:
                if turn + 1 == TRIES or not client.wait(turn, fault.wait):
                    raise
    except Refused as fault:
        if fault.status not in (403, 404):
            raise
    _status(client, sha, outcome, title, name)
    return "status"


def notes_of(outcome: Outcome) -> list[dict[str, Any]]:
    """A note for each probe that needs a look, at its own line of the spec, the gravest first."""
    rows = [(each.summary.spec, row) for each in outcome.reports if each.summary for row in each.summary.troubled]
    grave = sorted(rows, key=lambda pair: list(_LEVELS).index(pair[1].verdict))
    return [_note(spec, row) for spec, row in grave[:ALL_NOTES]]


def _note(spec: str, row: Row) -> dict[str, Any]:
    line = row.line or 1
    said = "\n".join([row.message, *(f"-> {advice.do}" for advice in row.advice)])
    return {
        "path": relative_path(spec),
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[row.verdict] if row.required else "notice",
        "title": printable(f"{row.verdict}: {row.name}", 200),
        "message": visible(said, 4000) or "see the report",
    }


def _check(client: Client, sha: str, outcome: Outcome, told: dict[str, Any], name: str, mark: str) -> None:
    """Create the check run, or bring that of an earlier try up to date, then add what notes are left."""
    commit = client.repository.get_commit(sha)
    known = f"{client.settings.run_id}.{client.settings.attempt} {mark}"
    ours = client.again(lambda: list(commit.get_check_runs(check_name=name, filter="all")))
    conclusion = "success" if outcome.passed else "failure"
    if outcome.exit is Exit.PASS and not outcome.passed:
        conclusion = "neutral"
    notes = notes_of(outcome)
    parts = [notes[i : i + MOST_NOTES] for i in range(0, len(notes), MOST_NOTES)] or [[]]
    same = [run for run in ours if run.external_id == known]
    done: dict[str, Any] = {"status": "completed", "conclusion": conclusion}
    if same:
        run: CheckRun = min(same, key=lambda found: found.id)
        if run.conclusion == "failure" != conclusion:  # of another job of this run, under the same key
            return
        client.again(lambda: run.edit(output=told, **done))
        return
    create = client.repository.create_check_run
    first = {**told, "annotations": parts[0]}
    run = client.once(lambda: create(name, sha, external_id=known, output=first, **done))
    for part in parts[1:]:
        more = {**told, "annotations": part}
        client.once(lambda more=more: run.edit(output=more))  # type: ignore[misc]


def _status(client: Client, sha: str, outcome: Outcome, title: str, name: str) -> None:
    """A commit status, which a later one of the same context replaces."""
    state = "success" if outcome.exit is Exit.PASS else "failure" if outcome.exit is Exit.GATE_FAILED else "error"
    commit = client.repository.get_commit(sha)
    said, url = title[:LONGEST_STATUS], client.settings.run_url
    client.again(lambda: commit.create_status(state, target_url=url, description=said, context=name))
