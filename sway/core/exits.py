"""The exit codes of every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says. No code but `PASS` ever means that an adapter is fit to merge."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    NO_VERDICT = 3
    INTERRUPTED = 130
