import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from sway.cli import main as command_line
from sway.cli.exits import handled

ROOT = Path(__file__).resolve().parents[2]


class Ran(NamedTuple):
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys) -> Callable[..., Ran]:
    """Run a command in this process, through the same handler as the installed command."""

    def call(*args: object) -> Ran:
        capsys.readouterr()
        words = [str(a) for a in args]
        code = handled(lambda: command_line.cli.main(words, prog_name="sway", standalone_mode=False))
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """A disk on which no file gets beyond its first bytes, as long as the context lasts."""

    @contextmanager
    def full_disk() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full_disk


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Null statistics of this session's adapters, and of nobody else's."""
    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "nulls"))


@pytest.fixture
def sway() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in a process of its own."""

    def sway(*args: object, env: dict[str, str] | None = None, code: str = "") -> subprocess.CompletedProcess[str]:
        start = ["-c", code] if code else ["-m", "sway"]
        return subprocess.run(
            [sys.executable, *start, *map(str, args)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            check=False,
            timeout=120,
        )

    return sway


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A folder that says it is a LoRA adapter; it holds no weights."""
    folder = tmp_path / "runs" / "adapter"
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "base_model_name_or_path": "org/model"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
