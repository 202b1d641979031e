"""One user's week: training in the background, a watch that stops it, a better adapter, and a colleague's machine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.zoo.zoo import suite

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("watchfiles")

ROOT = Path(__file__).resolve().parents[1]
TRAIN = """
import sys
from pathlib import Path
from sway.demo.text import document, read_sections
from sway.demo.training import train_adapter

base, folder, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
train_adapter(base, read_sections(document()), folder, steps=steps)
"""


def python(*words: str, where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a folder."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=where,
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def surroundings(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def history(project: Path) -> list[Path]:
    return sorted((project / "sway-history").glob("*.json"), key=lambda p: p.stat().st_mtime_ns)


def wait_for(true, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)


@pytest.fixture
def project(zoo, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(zoo.base, folder / "base")
    shutil.copy(zoo.sections, folder / "text.yaml")
    models = {"base": {"base": "base"}, "ft": {"base": "base", "adapter": "adapter"}}
    spec = {"version": 1, "models": models, "sections": "text.yaml", "suite": suite()[:3]}
    (folder / "sway.yaml").write_text(json.dumps(spec))
    return folder


@pytest.fixture
def watched(project: Path):
    """`sway watch` on the project, with a note of each version that fails."""
    note = project.parent / "failed"
    code = f"import os; open({str(note)!r}, 'a').write(os.environ['SWAY_RESULT_PATH'] + chr(10))"
    words = [sys.executable, "-m", "sway", "watch", "sway.yaml", "--quiet", "0.5"]
    words += ["--on-fail", shlex.join([sys.executable, "-c", code])]
    with (project / "log").open("w") as log:
        process = subprocess.Popen(words, cwd=project, env=surroundings(), stdout=log, stderr=log)
    yield note
    process.terminate()
    assert process.wait(30) == 130


def test_from_a_failing_version_to_a_pack_that_a_colleague_runs(project: Path, watched: Path, tmp_path: Path) -> None:
    trained = python("-c", TRAIN, "base", "training", "1", where=project)
    assert trained.returncode == 0, trained.stderr
    (project / "training").rename(project / "adapter")
    wait_for(lambda: watched.exists())
    weak = history(project)[-1]
    assert json.loads(weak.read_text())["gate"]["verdict"] == "fail"
    assert watched.read_text().strip() == str(weak)
    assert python("-m", "sway", "gate", "sway.yaml", where=project).returncode == 1

    better = python("-c", TRAIN, "base", "training", "60", where=project)
    assert better.returncode == 0, better.stderr
    shutil.copytree(project / "training", project / "adapter", dirs_exist_ok=True)
    wait_for(lambda: len(history(project)) == 2)
    nulls = {"SWAY_NULL_CACHE_DIR": str(tmp_path / "nulls")}
    gated = python("-m", "sway", "gate", "sway.yaml", "--json", "golden.json", where=project, **nulls)
    assert gated.returncode == 0, gated.stdout + gated.stderr

    compared = python("-m", "sway", "compare", str(weak), "golden.json", where=project)
    assert "improved" in compared.stdout
    back = python("-m", "sway", "compare", "golden.json", str(weak), where=project)
    assert "regressed" in back.stdout

    pack = ("pack", "sway.yaml", "-o", "audit.swaypack.tar.gz", "--include-golden", "golden.json")
    packed = python("-m", "sway", *pack, where=project, **nulls)
    assert packed.returncode == 0, packed.stderr
    elsewhere = tmp_path / "colleague"
    elsewhere.mkdir()
    shutil.move(project / "audit.swaypack.tar.gz", elsewhere)
    where_models_are = ("--base", str(project / "base"), "--adapter", str(project / "adapter"))
    unpacked = python("-m", "sway", "unpack", "audit.swaypack.tar.gz", *where_models_are, where=elsewhere)
    assert unpacked.returncode == 0, unpacked.stderr
    line = next(line for line in unpacked.stdout.splitlines() if "SWAY_NULL_CACHE_DIR=" in line).strip()
    setting, _, command = line.partition(" ")
    ran = python("-m", *shlex.split(command), "--json", "again.json", where=elsewhere, **dict([setting.split("=", 1)]))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    again = json.loads((elsewhere / "again.json").read_text())
    assert again["null_stats"]["changed"]["from_cache"] == 19
    golden = next((elsewhere / "swaypack").rglob("golden.json"))
    same = python("-m", "sway", "compare", str(golden), "again.json", where=elsewhere)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "regressed" not in same.stdout.replace("0 regressed", "")
