import subprocess
import sys

import click
import pytest

from sway.cli.exits import Exit, handled
from sway.core.errors import AdapterError, MissingExtraError, NoOpError, PreflightError, SpecError, SwayError
from tests.cli.conftest import ROOT


def raising(fault):
    def command():
        raise fault

    return command


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (SwayError("bad", where="f:3", mend="do this"), Exit.USAGE, "error: f:3: bad (do this)"),
        (AdapterError("bad"), Exit.USAGE, "error: bad"),
        (SpecError([SwayError("a"), SwayError("b")]), Exit.USAGE, "error: a\nerror: b"),
        (PreflightError("NaN"), Exit.NO_VERDICT, "error: NaN"),
        (NoOpError("does nothing"), Exit.GATE_FAILED, "error: does nothing"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted"),
        (click.Abort(), Exit.INTERRUPTED, "interrupted"),
        (click.UsageError("no such option"), Exit.USAGE, "error: no such option"),
        (click.BadParameter("no"), Exit.USAGE, "error: Invalid value: no"),
        (click.FileError("f", "gone"), Exit.USAGE, "error: Could not open file 'f': gone"),
        (
            ZeroDivisionError("x"),
            Exit.NO_VERDICT,
            "error: unexpected ZeroDivisionError: x (set SWAY_TRACEBACK=1 to see where)",
        ),
        (MemoryError(), Exit.NO_VERDICT, "error: unexpected MemoryError (set SWAY_TRACEBACK=1 to see where)"),
        (SystemExit(0), Exit.NO_VERDICT, "error: ended before a verdict by sys.exit(0)"),
        (SystemExit(), Exit.NO_VERDICT, "error: ended before a verdict by sys.exit(None)"),
        (click.exceptions.Exit(1), Exit.GATE_FAILED, ""),
    ],
)
def test_every_fault_has_its_exit_code_and_a_line(capsys, monkeypatch, fault, code, line):
    monkeypatch.delenv("SWAY_TRACEBACK", raising=False)
    assert handled(raising(fault)) == code
    out = capsys.readouterr()
    assert (out.out, out.err.rstrip("\n")) == ("", line)


def test_a_missing_extra_names_the_command(capsys):
    assert handled(raising(MissingExtraError("torch", "hf"))) == Exit.USAGE
    assert 'pip install ".[hf]"' in capsys.readouterr().err


def test_a_command_that_returns_is_a_pass_and_a_number_is_the_code():
    assert handled(lambda: None) == 0
    assert handled(lambda: "text") == 0
    assert handled(lambda: 3) == 3


def test_a_traceback_is_shown_where_it_is_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("SWAY_TRACEBACK", "1")
    assert handled(raising(ZeroDivisionError("x"))) == Exit.NO_VERDICT
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_hostile_text_in_a_fault_stays_one_harmless_line(capsys):
    handled(raising(SwayError("a\x1b[2J\r\nerror: b\u202e\u2028::set-output")))
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert not set(err) & set("\x1b\r\u202e\u2028")


@pytest.mark.parametrize("command", ["list-probes", "schema", "doctor"])
def test_a_reader_that_leaves_early_is_no_traceback_and_no_pass(command):
    code = f"import sys; sys.argv = ['sway', {command!r}]; from sway.cli.main import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=60) == Exit.NO_VERDICT
    assert err == ""
