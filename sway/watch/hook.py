"""The command that is run where a version does not pass. No shell is involved."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from sway.core.errors import SwayError

RESULT = "SWAY_RESULT_PATH"
_OPTION = "--on-fail"


def parse(text: str) -> tuple[str, ...]:
    """The words of a command.

    Raises:
        SwayError: there is none, or there is no such program.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as fault:
        raise SwayError(f"cannot be split into words: {fault}", where=_OPTION, mend="close the quote") from None
    if not words:
        raise SwayError("is empty", where=_OPTION, mend="give a command, or leave it out")
    if shutil.which(words[0]) is None:
        raise SwayError(f"there is no program {words[0]!r}", where=_OPTION, mend="check its name and PATH")
    return words


def call(words: tuple[str, ...], result: Path | None) -> str:
    """Run it and wait; what went wrong, or nothing. `result` is the report's path, if there is a report."""
    environment = {name: value for name, value in os.environ.items() if name != RESULT}
    environment |= {RESULT: str(result)} if result else {}
    try:
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=False)
    except OSError as fault:
        return f"{words[0]} cannot be run: {fault.strerror}"
    return f"{words[0]} ended with {done.returncode}" if done.returncode else ""
