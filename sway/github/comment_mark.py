"""The two lines before each comment: whose it is, and which run wrote it."""

from __future__ import annotations

import re
from hashlib import sha256

from sway.core.verdicts import GRAVEST_FIRST

LONGEST = 65_536
"""Characters that GitHub takes in a comment."""
_GRAVER = tuple(verdict.upper() for verdict in reversed(GRAVEST_FIRST))
_TOLD = re.compile(r"^## \S+ sway: ([A-Z]+)", re.MULTILINE)
_RUN = re.compile(r"<!-- run ([0-9]{1,19})\.([0-9]{1,19}) -->")


def marker(spec: str, key: str) -> str:
    """The line by which the comment of a spec and of a leg of the matrix is found again.

    >>> marker("sway.yaml", "")
    '<!-- sway-gate e31042c06bf02b54 -->'
    """
    digest = sha256("\0".join((spec, key)).encode("utf-8", "replace")).hexdigest()
    return f"<!-- sway-gate {digest[:16]} -->"


def stamp(run: tuple[int, int]) -> str:
    """The second line: which run wrote it, so that a slow run does not replace what a later one found."""
    return f"<!-- run {run[0]}.{run[1]} -->"


def plain(body: str | None) -> str:
    """A body as it was sent; GitHub may give it back with other line ends."""
    return (body or "").replace("\r\n", "\n").strip()


def written(body: str | None) -> tuple[int, int]:
    """The run that wrote a comment."""
    lines = plain(body).split("\n", 2)
    found = _RUN.fullmatch(lines[1].strip()) if len(lines) > 1 else None
    return (int(found[1]), int(found[2])) if found else (0, 0)


def gravity(body: str | None) -> int:
    """How grave the verdict is that a comment leads with; -1 where it has none.

    >>> gravity("## x sway: FAIL, worse than main") > gravity("## x sway: ERROR") > gravity("## x sway: PASS")
    True
    """
    found = _TOLD.search(plain(body))
    return _GRAVER.index(found[1]) if found and found[1] in _GRAVER else -1
