"""A pull request may bring files named like modules of ours: with a real Python, they are never imported."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sway import __version__

ROOT = Path(__file__).resolve().parents[2]
BIN = str(Path(sys.executable).parent)


@pytest.fixture
def hostile(tmp_path):
    """A workspace that would take over any Python that looks for modules in the folder that it is started in."""
    body = "import pathlib, sys\npathlib.Path('TAKEN').touch()\nprint('taken')\nsys.exit(0)\n"
    (tmp_path / "sway").mkdir()
    names = ["sway/__init__.py", "sway/__main__.py", "sitecustomize.py", "usercustomize.py", "click.py", "torch.py",
             "numpy.py", "json.py"]  # fmt: skip
    for name in names:
        (tmp_path / name).write_text(body)
    return tmp_path


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder), **environment}
    return subprocess.run(["bash", "-euc", script], cwd=folder, env=known, capture_output=True, text=True, check=False)


def untouched(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.stdout.strip() == f"sway {__version__}", done.stderr
    assert not (folder / "TAKEN").exists()


def test_the_workspace_would_be_imported_from_otherwise(hostile):
    done = run("python -m sway --version", hostile, PYTHONPATH=str(ROOT))
    assert done.stdout.strip() == "taken"
    assert (hostile / "TAKEN").exists()


def test_the_images_entrypoint_imports_nothing_of_the_workspace(hostile):
    untouched(hostile, run(f"{shlex.quote(str(ROOT / 'entrypoint.sh'))} --version", hostile, PYTHONPATH=str(ROOT)))


def test_the_image_says_so_to_every_python_in_it(hostile):
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    settings = [word for line in lines.splitlines() if line.startswith("ENV ") for word in line.split()[1:]]
    assert "PYTHONSAFEPATH=1" in settings
    untouched(hostile, run("python -m sway --version", hostile, PYTHONPATH=str(ROOT), PYTHONSAFEPATH="1"))


def test_the_runner_imports_nothing_of_the_workspace_either(hostile):
    ours = f". {shlex.quote(str(ROOT / 'scripts' / 'action_containers.sh'))}; model_cache=/none; "
    start = ours + f'on_runner "$PWD" PYTHONPATH={shlex.quote(str(ROOT))} python -m sway --version'
    untouched(hostile, run(start, hostile))


def test_settings_of_pythons_that_the_job_has_do_not_reach_the_gate(hostile):
    ours = f". {shlex.quote(str(ROOT / 'scripts' / 'action_containers.sh'))}; model_cache=/none; "
    start = ours + f'on_runner "$PWD" PYTHONPATH={shlex.quote(str(ROOT))} python -m sway --version'
    untouched(hostile, run(start, hostile, PYTHONSTARTUP="sitecustomize.py", PYTHONPATH=os.fspath(hostile)))
