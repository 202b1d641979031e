import resource
import statistics
import subprocess
import sys
from importlib import import_module

import click
import pytest

from sway import __version__
from sway.cli.main import COMMANDS
from tests.cli.conftest import ROOT

HEAVY = ("torch", "transformers", "peft", "numpy", "scipy", "pydantic", "rich", "yaml", "jinja2")


def test_version_is_one_line(sway):
    done = sway("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sway {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_commands_is_right(name):
    place, short = COMMANDS[name]
    module, _, attribute = place.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.short_help == short


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(call, name):
    code, out, err = call(name, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: sway {name}" in out


@pytest.mark.parametrize("args", [["--version"], ["--help"], [], ["no-such-command"], ["doctor"]])
def test_what_needs_nothing_imports_nothing(sway, args):
    code = (
        "import sys; from sway.cli.main import cli; from sway.cli.exits import handled;"
        f"handled(lambda: cli.main({args!r}, prog_name='sway', standalone_mode=False));"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert sway(code=code).stdout.splitlines()[-1] == "loaded: []"


def cpu(args: list[str]) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([sys.executable, *args], check=True, capture_output=True, cwd=ROOT)
    return spent() - before


def times_bare(args: list[str]) -> float:
    """CPU time of a command as a multiple of an interpreter's that does nothing, both in this run."""
    pairs = [(cpu(["-c", "pass"]), cpu(["-m", "sway", *args])) for _ in range(9)]
    bare, command = (statistics.median(column) for column in zip(*pairs, strict=True))
    return command / bare


def test_help_costs_little_more_than_the_interpreter():
    assert times_bare(["--help"]) <= 8


def test_a_look_at_files_costs_little_more_than_numpy(tmp_path, zoo):
    assert times_bare(["check", str(zoo.adapter("healthy")), "--no-model"]) <= 20


def test_an_unknown_command_names_the_nearest(call):
    code, out, err = call("chekc")
    assert (code, out) == (2, "")
    assert err == "error: there is no command 'chekc'; did you mean check? (see: sway --help)\n"


def test_no_command_shows_help_as_a_usage_error(call):
    code, _, err = call()
    assert code == 2
    assert "Commands:" in err


def test_the_older_import_name_is_the_same_modules(sway):
    code = """
import dlm_sway.suite.loader, dlm_sway.core.errors, dlm_sway.core.model
from dlm_sway.suite.loader import load_spec
import sway.suite.loader, sway.core.errors, sway.core.model, sway, dlm_sway
assert load_spec is sway.suite.loader.load_spec
assert dlm_sway.core is sway.core
assert dlm_sway.core.errors.SwayError is sway.core.errors.SwayError
assert dlm_sway.core.model.ModelSpec is sway.core.model.ModelSpec
assert dlm_sway.__version__ == sway.__version__
assert sway.core.errors.__name__ == sway.core.errors.__spec__.name == "sway.core.errors"
import importlib; importlib.reload(sway.core.errors)
try:
    import dlm_sway.nothing
except ModuleNotFoundError as fault:
    print(fault)
"""
    done = sway(code=code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No module named 'dlm_sway.nothing'\n", "")
