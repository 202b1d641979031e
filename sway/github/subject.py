"""What a verdict is of: the specs as the workflow names them, whatever has become of their reports."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from sway.core.text import printable
from sway.github.outcome import Outcome

PLAIN = ("", "sway.yaml", "report.json")
"""What one gate alone is of, so that whoever requires the check `sway` need not name anything."""
LONGEST = 60


def subject(named: Sequence[str], reports: Sequence[Path], outcome: Outcome) -> str:
    """A line a spec, from which the comment and the check are found again on the next commit.

    Where the workflow names none, the places of its reports stand for them: a gate that ended without a report
    must find what was told of the one before, so that nothing is read from the reports themselves. A lone empty
    name is the action's, of which only the reports can tell: its folders are new in each run.
    """
    lines = [line.strip() for name in named for line in name.splitlines() if line.strip()]
    if not named:
        lines = [place.as_posix() for place in reports]
    elif not lines:
        lines = sorted(each.summary.spec for each in outcome.reports if each.summary)
    return "\n".join(lines)


def label(spec: str, key: str) -> str:
    """What stands behind `sway` beside the commit, as there one name replaces what it told before.

    >>> label("sway.yaml", ""), label("adapters/support/sway.yaml", ""), label("sway.yaml", "small")
    ('', 'adapters/support/sway.yaml', 'small')
    """
    shown = printable(key, LONGEST).strip()
    told = ", ".join(spec.split("\n"))
    if shown or told.removeprefix("./") in PLAIN:
        return shown
    whole = printable(told, LONGEST)
    return whole if whole == told else f"{printable(told[:40])}... {sha256(spec.encode()).hexdigest()[:8]}"
