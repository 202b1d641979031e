"""`sway demo`: what it made is kept, what the user changed is left alone, a foreign folder is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sway.demo import story

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def trained(zoo, tmp_path: Path) -> Path:
    """A folder as an earlier call leaves it, with the zoo's models in the place of freshly trained ones."""
    folder = tmp_path / "demo"
    shutil.copytree(zoo.base, folder / "base")
    for case, label in (("healthy", "healthy"), ("noise", "noise"), ("broken", "collapsed")):
        shutil.copytree(zoo.adapter(label), folder / case / "adapter")
        config = folder / case / "adapter" / "adapter_config.json"
        config.write_text(
            json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(folder / "base")})
        )
    names = ("base", "healthy", "noise", "broken")
    (folder / story.ADAPTERS_MADE).write_text(json.dumps(dict.fromkeys(names, story.digest())))
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
