"""How the image is built: the script with a stand-in for an engine, and what the Dockerfile asks of pip."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNTESTED = "NOT BUILT AND NOT TESTED"
PODMAN = """#!/bin/bash
echo "$*" >>"$CALLS"
case "$1" in
  image) exit "${HAS_IMAGES:-0}" ;;
  pull) exit 1 ;;
  build) while [ $# -gt 0 ]; do case "$1" in *id=pip,src=*) cat "${1#*src=}" >"$CALLS.pip" ;; esac; shift; done ;;
esac
"""


@pytest.fixture
def script(tmp_path):
    """Run scripts/image.sh where nothing but a stand-in for podman is an engine."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "cp", "dirname", "git", "head", "id", "mktemp", "python3", "rm", "sed", "tar", "tail"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    (tools / "podman").write_text(PODMAN)
    (tools / "podman").chmod(0o755)

    def run(*words: str, engine: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        if not engine:
            (tools / "podman").unlink()
        known = {"PATH": str(tools), "DOCKER_HOST": "unix:///none", "CALLS": str(tmp_path / "calls"), **environment}
        command = [str(ROOT / "scripts/image.sh"), *words]
        return subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.mark.parametrize("engine", [True, False], ids=["no-base", "no-engine"])
def test_an_image_that_cannot_be_built_is_told_and_on_github_it_is_a_failure(script, engine):
    here = script("check", engine=engine, HAS_IMAGES="1")
    assert (here.returncode, UNTESTED in here.stderr) == (0, True)
    there = script("check", HAS_IMAGES="1", GITHUB_ACTIONS="true")
    assert (there.returncode, UNTESTED in there.stderr) == (3, True)


def built(script, tmp_path: Path, bundle: Path) -> tuple[str, str]:
    """How the engine was told to build, and pip's settings for it."""
    done = script("build", SSL_CERT_FILE=str(bundle))
    assert done.returncode == 0, done.stderr
    (call,) = (line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("build "))
    return call, (tmp_path / "calls.pip").read_text()


def test_certificates_of_this_machine_are_a_secret_of_the_build(script, tmp_path):
    (tmp_path / "bundle.pem").write_text("a certificate\n")
    call, pip = built(script, tmp_path, tmp_path / "bundle.pem")
    assert re.search(r"--secret id=pip,src=\S+ --secret id=certificates,src=\S+", call)
    assert "cert = /etc/ssl/certs/build.pem" in pip


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "missing"])
def test_without_certificates_pip_keeps_its_own(script, tmp_path, empty):
    """An empty bundle would refuse every server."""
    if empty:
        (tmp_path / "bundle.pem").touch()
    call, pip = built(script, tmp_path, tmp_path / "bundle.pem")
    assert "id=pip," in call
    assert "certificates" not in call
    assert "cert" not in pip


def test_an_index_of_torchs_own_serves_torch_and_nothing_that_it_needs():
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    installs = [command for command in re.split(r";|\n", text) if "pip install" in command]
    (own,) = (command for command in installs if "--index-url" in command)
    assert "--no-deps" in own
    (rest,) = (command for command in installs if "--requirement" in command)
    assert "--no-deps" not in rest
    assert installs.index(own) < installs.index(rest)
