"""The one place where an exception becomes an exit code and a line on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from sway.core.errors import Interrupted, NoOpError, PreflightError, SpecError, SwayError
from sway.core.exits import Exit

__all__ = ["Exit", "handled"]


def handled(command: Callable[[], object]) -> int:
    """Run a command and return its exit code. Raises nothing."""
    try:
        result = command()
        _flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, click.Abort) as ended:
        return _interrupted(ended)
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as leaving:
        return _ended_from_within(leaving)
    except click.ClickException as fault:
        return _usage(fault)
    except SwayError as fault:
        return _fault(fault)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the user gets one line and no verdict
        return _unexpected(fault)
    return result if isinstance(result, int) else Exit.PASS


def _interrupted(ended: BaseException) -> int:
    """Say what was kept; click puts an exception of its own in the place of the one that says so."""
    told = next((e for e in (ended, ended.__cause__, ended.__context__) if isinstance(e, Interrupted)), None)
    _say(str(told or "interrupted"))
    return Exit.INTERRUPTED


def _flush() -> None:
    if sys.stdout is not None:  # as it is where the caller closed it
        sys.stdout.flush()


def _fault(fault: SwayError) -> int:
    for problem in fault.problems if isinstance(fault, SpecError) else [fault]:
        _say(f"error: {problem}")
    if isinstance(fault, PreflightError):
        return Exit.NO_VERDICT
    return Exit.GATE_FAILED if isinstance(fault, NoOpError) else Exit.USAGE


def _usage(fault: click.ClickException) -> int:
    context = getattr(fault, "ctx", None)
    hint = f" (see: {context.command_path} --help)" if context else ""
    _say(f"error: {fault.format_message()}{hint}")
    return Exit.USAGE


def _unexpected(fault: Exception) -> int:
    """A fault of ours: no verdict, and where to look."""
    if os.environ.get("SWAY_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(fault)
    words = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
    _say(f"error: unexpected {words} (set SWAY_TRACEBACK=1 to see where)")
    return Exit.NO_VERDICT


def _reader_gone() -> int:
    """Whoever read our output has left: let the last flush go nowhere, and claim no verdict."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None
    return Exit.NO_VERDICT


def _ended_from_within(leaving: SystemExit) -> int:
    """Something called `sys.exit`: completion may; click and rich do with 1 where a pipe broke; else no verdict."""
    if "_SWAY_COMPLETE" in os.environ and isinstance(leaving.code, int):
        return leaving.code
    if leaving.code == 1:
        return _reader_gone()
    _say(f"error: ended before a verdict by sys.exit({leaving.code!r})")
    return Exit.NO_VERDICT


def _say(line: str) -> None:
    """One line on standard error, with nothing in it that a terminal would obey."""
    from sway.core.text import printable

    try:
        click.echo(printable(line), err=True)
    except OSError:
        return
