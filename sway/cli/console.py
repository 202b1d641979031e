"""Where output goes: colored and live on a terminal, plain text elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console

PLAIN_WIDTH = 120


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is watching, so that progress may move and colors show. A closed stream is None."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def console(*, stderr: bool = False) -> Console:
    """A rich console that honors NO_COLOR. Off a terminal its width does not depend on the environment."""
    terminal = is_terminal(sys.stderr if stderr else sys.stdout)
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=terminal,
        no_color=bool(os.environ.get("NO_COLOR")) or not terminal,
        width=None if terminal else PLAIN_WIDTH,
    )
