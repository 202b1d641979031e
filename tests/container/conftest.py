"""The image that `make image-test` built, and the engine that runs it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ENGINE, IMAGE = os.environ.get("SWAY_ENGINE", ""), os.environ.get("SWAY_IMAGE", "")
UNTESTED = "the image is tested by `make image-test`, which needs docker or podman"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def engine() -> list[str]:
    if not (ENGINE and IMAGE):
        pytest.skip(UNTESTED)
    return shlex.split(ENGINE)


@pytest.fixture(scope="session")
def image(engine: list[str]) -> str:
    return IMAGE


@pytest.fixture
def contained(engine: list[str], image: str) -> Run:
    """Run the image on a folder as strictly as the action does: no network, nothing writable but /tmp, any user."""

    def run(folder: Path, *arguments: str, writable: bool = False, user: str = "4242:4242", **options: str):
        mount = f"{folder}:/src:{'rw' if writable else 'ro'}"
        strict = ["--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", user]
        if os.getuid() and "podman" in engine[0]:
            strict += ["--userns", "keep-id"]  # without root, a user is another number inside
        command = [*engine, "run", "--rm", *strict, "-v", mount, "-w", "/src"]
        for name, value in options.items():
            command += ["--env", f"{name}={value}"]
        return subprocess.run([*command, image, *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def project(zoo, tmp_path: Path) -> Callable[..., Path]:
    """A repository with a base, an adapter and a spec that names both by paths within it.

    Everybody may read it, so that any user of a container can; with `as_written`, files keep the modes that they were
    written with.
    """

    def make(name: str, suite: list[dict[str, object]], *, as_written: bool = False, **spec: object) -> Path:
        folder = tmp_path / name
        shutil.copytree(zoo.base, folder / "base")
        shutil.copytree(zoo.adapter(name), folder / "adapter")
        shutil.copy(zoo.sections, folder / "text.yaml")
        models = {"base": {"base": "base"}, "ft": {"base": "base", "adapter": "adapter"}}
        written = {"version": 1, "models": models, "sections": "text.yaml", "suite": suite, **spec}
        (folder / "sway.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
        for path in () if as_written else (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    return make
