"""The pre-commit hooks, run by pre-commit itself in a repository of their user."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.zoo.zoo import suite

ROOT = Path(__file__).resolve().parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
FIRES = ["sway.yaml", "sway.yml", "models/sway.yaml", "guide.dlm", "docs/a b.dlm", "adapter/adapter_config.json",
         "adapter-v2/adapter_model.safetensors", "runs/adapter_7/adapter_config.json", "adapter_model.safetensors",
         "support/adapter_config.json", "models/lora/v2/adapter_model.safetensors"]  # fmt: skip
QUIET = ["README.md", "notsway.yaml", "sway.yaml.bak", "mysway.yml", "dlm", "x.dlmx", "adapter/README.md",
         "adapter/adapter_config.json.orig", "my_adapter_config.json", "base/model.safetensors", "base/config.json",
         "adapter/adapter_model.bin"]  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_fires_on_what_a_gate_depends_on_and_on_nothing_else(hook):
    pattern = re.compile(HOOKS[hook]["files"])
    assert [path for path in FIRES if not pattern.search(path)] == []
    assert [path for path in QUIET if pattern.search(path)] == []


def test_the_pattern_that_is_shown_for_other_names_covers_them_and_the_adapters_files():
    page = (ROOT / "examples/precommit/README.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (hook,) = yaml.safe_load(shown)
    assert hook["id"] in HOOKS
    pattern = re.compile(hook["files"])
    wanted = [hook["args"][0], "text/manual.md", "support/adapter_config.json", "adapter/adapter_model.safetensors"]
    assert [path for path in wanted if not pattern.search(path)] == []
    assert not pattern.search("README.md")


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_only_gate(hook):
    assert HOOKS[hook]["pass_filenames"] is False
    assert shlex.split(HOOKS[hook]["entry"])[-1] == "gate"


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
    return subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def hooks_repository(tmp_path_factory) -> Path:
    """This project as it stands, as a repository that pre-commit can clone."""
    folder = tmp_path_factory.mktemp("sway-hooks")
    wanted = ("sway", "dlm_sway", "templates", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
    for name in wanted:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "hooks")
    return folder


@pytest.fixture
def commit(hooks_repository, project, tmp_path_factory):
    """Stage files in a user's repository and run one hook on them as `git commit` would."""
    home = tmp_path_factory.getbasetemp() / "pre-commit"

    def run(hook: str, name: str, staged: tuple[str, ...] = (), **environment: str):
        folder = project(name, suite())
        revision = git(hooks_repository, "rev-parse", "HEAD").strip()
        config = {"repos": [{"repo": str(hooks_repository), "rev": revision, "hooks": [{"id": hook}]}]}
        (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
        (folder / "README.md").write_text("a project\n")
        git(folder, "init", "--quiet")
        git(folder, "add", *(staged or ["."]))
        known = {**os.environ, "PRE_COMMIT_HOME": str(home), **environment}
        known["PATH"] = f"{environment.get('FIRST', Path(sys.executable).parent)}{os.pathsep}{known['PATH']}"
        command = [sys.executable, "-m", "pre_commit", "run", "--verbose"]
        return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(("name", "code"), [("healthy", 0), ("noise", 1)])
def test_the_system_hook_lets_a_commit_through_or_stops_it(commit, name, code):
    ran = commit("sway-gate", name)
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert ("PASS" if code == 0 else "FAIL") in ran.stdout


def test_a_commit_of_other_files_does_not_wait_for_a_gate(commit):
    ran = commit("sway-gate", "noise", staged=(".pre-commit-config.yaml", "README.md"))
    assert ran.returncode == 0
    assert "no files to check" in ran.stdout


@pytest.mark.skipif(not os.environ.get("SWAY_IMAGE"), reason="installs torch a second time: run by `make image-test`")
def test_the_isolated_hook_makes_its_environment_from_this_package(commit):
    ran = commit("sway-gate-isolated", "noise", PIP_CONSTRAINT=str(ROOT / "constraints.txt"))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "FAIL" in ran.stdout


@pytest.fixture
def docker_on_path(engine, tmp_path) -> Path:
    """A folder with a `docker` that speaks to the engine at hand, as pre-commit calls it."""
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\nexec {shlex.join(engine)} "$@"\n')
    client.chmod(0o755)
    return client.parent


@pytest.mark.parametrize(("name", "code"), [("healthy", 0), ("noise", 1)])
def test_the_docker_hook_runs_the_image(commit, docker_on_path, engine, image, name, code):
    entry = HOOKS["sway-gate-docker"]["entry"].split()[0]
    subprocess.run([*engine, "tag", image, entry], check=True)
    ran = commit("sway-gate-docker", name, FIRST=str(docker_on_path))
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert ("PASS" if code == 0 else "FAIL") in ran.stdout
