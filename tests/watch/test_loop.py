"""The loop on a clock of our own, with real folders."""

import json
import shutil
from pathlib import Path

import pytest

from sway.core.errors import SwayError
from sway.watch.follow import follow
from sway.watch.history import History
from sway.watch.loop import TRIES, Outcome, Watcher
from tests.watch.conftest import weights, write_adapter, write_spec


class Scene:
    """A watcher whose time goes in steps of one second and whose judge only notes what it is given."""

    def __init__(self, spec: Path, adapter: str, *, passed: bool = True, most: int = 100) -> None:
        self.said: list[str] = []
        self.failed: list[Path | None] = []
        self.judged: list[str] = []
        self.passed, self.now, self.during = passed, 0.0, lambda: None
        self.fault: SwayError | None = None
        history = History(spec.parent / "history", most)
        history.prepare()
        followed = follow({"models": {"ft": {"adapter": adapter}}}, spec)
        self.watcher = Watcher(followed, history, self.judge, self.on_fail, self.said.append, quiet=2.0)

    def judge(self, adapter: Path, result: Path) -> Outcome:
        self.judged.append(adapter.name)
        self.during()
        if self.fault:
            raise self.fault
        result.write_text(json.dumps({"adapter": str(adapter)}))
        return Outcome(self.passed, "PASS" if self.passed else "FAIL", () if self.passed else ("changed failed",))

    def on_fail(self, result: Path | None) -> str:
        self.failed.append(result)
        return ""

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.watcher.look(self.now)

    @property
    def results(self) -> list[str]:
        return sorted(p.name.rpartition("-")[0] for p in (self.watcher.history.folder).iterdir())


@pytest.fixture
def scene(spec) -> Scene:
    return Scene(spec, "runs/adapter")


@pytest.fixture
def folder(spec) -> Path:
    return spec.parent / "runs" / "adapter"


def test_nothing_is_judged_before_it_is_there_and_at_rest(scene, folder):
    scene.wait(5)
    assert scene.judged == []
    write_adapter(folder, 1)
    scene.wait(2)
    assert scene.judged == []
    scene.wait(1)
    assert scene.judged == ["adapter"]
    scene.wait(10)
    assert scene.judged == ["adapter"]
    assert scene.results == ["adapter"]


def test_a_version_that_is_still_being_written_is_waited_for(scene, folder):
    folder.mkdir(parents=True)
    whole = weights(1)
    for end in range(0, len(whole), len(whole) // 8):
        (folder / "adapter_model.safetensors").write_bytes(whole[:end])
        scene.wait(2)
    assert scene.judged == []
    write_adapter(folder, 1)
    scene.wait(4)
    assert scene.judged == ["adapter"]


def test_a_half_written_version_at_rest_is_read_again_and_then_called_broken(scene, folder):
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(weights(1)[:300])
    scene.wait(3 * TRIES)
    assert scene.judged == []
    assert [line.split(":")[1].split()[0] for line in scene.said] == ["not", "ERROR"]
    assert scene.failed == [None]
    write_adapter(folder, 1)
    scene.wait(4)
    assert scene.judged == ["adapter"]


def test_a_version_that_is_replaced_while_it_is_judged_leaves_no_result(scene, folder):
    write_adapter(folder, 1)
    scene.during = lambda: write_adapter(folder, 2)
    scene.wait(4)
    assert scene.results == []
    scene.during = lambda: None
    scene.wait(6)
    assert scene.judged == ["adapter", "adapter"]
    assert len(scene.results) == 1


def test_a_spec_that_is_edited_while_a_version_is_judged_is_judged_too(scene, folder, spec):
    write_adapter(folder, 1)

    def edit() -> None:
        scene.during = lambda: None
        spec.write_text(spec.read_text() + "# changed\n")

    scene.during = edit
    scene.wait(4)
    assert scene.results == []
    scene.wait(6)
    assert scene.judged == ["adapter", "adapter"]
    assert len(scene.results) == 1


def test_one_result_for_each_content_and_none_twice(scene, folder, spec):
    for seed in (1, 2, 1):
        shutil.rmtree(folder, ignore_errors=True)
        scene.wait(3)
        write_adapter(folder, seed)
        scene.wait(4)
    assert len(scene.judged) == 2
    assert "judged before" in scene.said[-1]
    assert len(scene.results) == 2
    spec.write_text(spec.read_text() + "# changed\n")
    scene.wait(4)
    assert len(scene.judged) == 3
    assert len(scene.results) == 2


def test_a_version_that_fails_calls_the_hook_with_its_report(spec, folder):
    scene = Scene(spec, "runs/adapter", passed=False)
    write_adapter(folder, 1)
    scene.wait(4)
    (result,) = scene.failed
    assert json.loads(result.read_text())["adapter"] == str(folder)
    assert "changed failed" in scene.said[-1]


def test_a_version_that_cannot_be_judged_calls_the_hook_without_one(scene, folder):
    scene.fault = SwayError("the base is gone")
    write_adapter(folder, 1)
    scene.wait(4)
    assert scene.failed == [None]
    assert "ERROR  the base is gone" in scene.said[-1]
    assert scene.results == []


@pytest.mark.parametrize("name", [None, "tone"])
def test_a_store_is_followed_by_its_pointer(tmp_path, name):
    adapters = tmp_path.joinpath("store", "ID", "adapter", *([name] if name else []))
    inner = adapters.relative_to(tmp_path / "store" / "ID")
    write_spec(tmp_path / "sway.yaml", f"store/ID/{inner}/versions/v0001")
    scene = Scene(tmp_path / "sway.yaml", f"store/ID/{inner}/versions/v0001")
    for version in ("v0001", "v0002", "v0003"):
        write_adapter(adapters / "versions" / version, int(version[1:]))
        scene.wait(3)
        (adapters / "current.txt").write_text(f"{inner}/versions/{version}\n")
        scene.wait(4)
    assert scene.judged == ["v0001", "v0002", "v0003"]
    assert scene.results == ["v0001", "v0002", "v0003"]
    (adapters / "current.txt").write_text("../../elsewhere\n")
    scene.wait(6)
    assert [line for line in scene.said if "outside the store" in line] == scene.said[-1:]
    (adapters / "current.txt").write_text(f"{inner}/versions/v0002\n")
    scene.wait(4)
    assert "v0002: judged before" in scene.said[-1]


def test_the_newest_results_are_kept_and_nothing_else_is_deleted(spec, folder):
    scene = Scene(spec, "runs/adapter", most=3)
    mine = [scene.watcher.history.folder / name for name in ("notes.txt", "mine.json", "keep-me.json")]
    for path in mine:
        path.write_text("keep")
    kept = []
    for seed in range(6):
        write_adapter(folder, seed)
        scene.wait(4)
        kept.append(set(scene.watcher.history.folder.iterdir()) - set(mine))
    assert [len(results) for results in kept] == [1, 2, 3, 3, 3, 3]
    assert not kept[-1] & kept[2]
    assert all(path.read_text() == "keep" for path in mine)


@pytest.mark.parametrize("data", [{}, {"models": []}, {"models": {"ft": {}}}, {"models": {"ft": {"adapter": 3}}}])
def test_a_spec_without_an_adapter_cannot_be_followed(spec, data):
    with pytest.raises(SwayError, match="names no adapter to follow"):
        follow(data, spec)
