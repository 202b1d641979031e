"""Matches module names as peft does, in bounded time: an adapter's patterns must not be able to hang a gate."""

from __future__ import annotations

import math
import re
import warnings

from sway.core.errors import AdapterError

MAX_LENGTH = 300
MAX_STEPS = 5_000_000
_REPEAT = re.compile(r"[*+{]|(?<![(*+?}])\?")
# Groups that are repeated take exponential time, and look-arounds, flags and references defy the estimate below.
_REFUSED = re.compile(r"\)[*+{]|\(\?(?!:)|\\[1-9]")


def pattern_fault(pattern: str) -> str:
    """What is wrong with a pattern, or nothing."""
    if len(pattern) > MAX_LENGTH or _REFUSED.search(pattern):
        return f"made of simple patterns, not {pattern[:80]!r}"
    try:
        _compiled(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"made of regular expressions: {error}"
    return ""


def matches(pattern: str, module: str) -> bool:
    """Whether a pattern matches the end of a module's path.

    Raises:
        AdapterError: the search could take more than about `MAX_STEPS` steps.
    """
    if _steps(pattern, module) > MAX_STEPS:
        what = f"the pattern {pattern[:80]!r} could take too long to match against {module[:80]}"
        raise AdapterError(what, where="adapter_config.json", mend="write it with fewer wildcards")
    return _compiled(pattern).match(module) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        # Brackets that a later Python may read otherwise are the pattern's author's to mend, not the reader's.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(rf"(.*\.)?({pattern})$")


def _steps(pattern: str, module: str) -> int:
    """An upper bound on a backtracking search: the starts, times the ways to repeat, times the ways to choose."""
    bare = re.sub(r"\\.", "x", pattern)
    repeats = len(_REPEAT.findall(bare))
    return (module.count(".") + 1) * math.comb(len(module) + repeats, repeats) * _choices(bare)


def _choices(bare: str) -> int:
    """The product, over groups, of how many alternatives each has."""
    closed, open_groups = 1, [1]
    for mark in re.findall(r"[(|)]", bare):
        if mark == "(":
            open_groups.append(1)
        elif mark == "|":
            open_groups[-1] += 1
        elif len(open_groups) > 1:
            closed *= open_groups.pop()
    return closed * math.prod(open_groups)
