"""`sway demo`: what it made is kept, what the user changed is left alone, a foreign folder is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sway.demo import story

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def made_once(kept: Path) -> Path:
    """The demonstration's folder as its first call leaves it."""
    from tests.zoo.store import made

    return made(kept / f"demo-{story.digest()[:16]}", lambda folder: story.prepare(folder, lambda *_: None))


@pytest.fixture
def trained(made_once: Path, tmp_path: Path) -> Path:
    """A folder with the demonstration's models, as if they had been trained in it."""
    folder = tmp_path / "demo"
    shutil.copytree(made_once, folder, ignore=shutil.ignore_patterns("sway.yaml"))
    for config in folder.glob("*/adapter/adapter_config.json"):
        config.write_text(
            json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(folder / "base")})
        )
    return folder


def test_the_gate_passes_the_healthy_one_and_stops_the_others(call, trained: Path) -> None:
    ran = call("demo", trained)
    assert ran.code == 0, ran.out
    assert "training" not in ran.err
    assert [line.split()[:2] for line in ran.out.splitlines() if "as it should" in line] == [
        ["PASS", "healthy"],
        ["FAIL", "noise"],
        ["FAIL", "broken"],
    ]


def test_an_edited_spec_is_judged_as_it_stands(call, trained: Path) -> None:
    story.prepare(trained, lambda *_: None)
    spec = trained / "healthy" / "sway.yaml"
    edited = spec.read_text().replace(
        "kind: external_perplexity,", "kind: external_perplexity, assert_mean_delta_gte: 9,"
    )
    spec.write_text(edited)
    ran = call("demo", trained)
    assert ran.code == 3
    assert "but pass was expected" in ran.out
    assert spec.read_text() == edited


def test_a_folder_of_something_else_is_left_alone(call, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    ran = call("demo", tmp_path)
    assert ran.code == 2
    assert "not a folder of the demonstration" in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
