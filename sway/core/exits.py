"""The exit codes of every command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says. No code but `PASS` ever means that an adapter is fit to merge."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    NO_VERDICT = 3
    INTERRUPTED = 130


def worst(exits: Iterable[Exit]) -> Exit:
    """One exit code for several judgements: 2 over 1 over 3 over 0.

    Unusable input comes first: it is to be mended before anything else is read. A failure is final, whatever
    could not be judged beside it, as it is among the probes of one suite. Nothing judged is no verdict.
    """
    given = list(exits)
    order = (Exit.INTERRUPTED, Exit.USAGE, Exit.GATE_FAILED, Exit.NO_VERDICT)
    return next((code for code in order if code in given), Exit.PASS if given else Exit.NO_VERDICT)
