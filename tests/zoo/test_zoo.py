"""The zoo makes each thing once, whoever asks and however many ask at once."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.zoo import builders, zoo


@pytest.fixture
def made(monkeypatch):
    """Folders that a slow builder called `slow` has made."""
    folders = []

    def slow(_, folder):
        folders.append(folder)
        time.sleep(0.3)
        folder.mkdir()
        (folder / "whole").touch()

    monkeypatch.setitem(builders.ADAPTERS, "slow", slow)
    return folders


def test_many_ask_and_one_builds(made, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: zoo.Zoo(tmp_path).adapter("slow"), range(4)))
    assert len(made) == 1
    assert len(set(found)) == 1
    assert [p.name for p in found[0].parent.iterdir()] == ["slow"]
    assert (found[0] / "whole").exists()


def test_a_builder_that_fails_leaves_nothing_and_can_be_asked_again(made, monkeypatch, tmp_path):
    def fails(_, folder):
        folder.mkdir()
        raise OSError("disk full")

    animals = zoo.Zoo(tmp_path)
    with monkeypatch.context() as patch:
        patch.setitem(builders.ADAPTERS, "slow", fails)
        with pytest.raises(OSError, match="disk full"):
            animals.adapter("slow")
    assert list(animals.root.iterdir()) == []
    assert (animals.adapter("slow") / "whole").exists()


def test_a_lock_whose_owner_died_is_taken_over(made, tmp_path):
    animals = zoo.Zoo(tmp_path)
    lock = animals.root / "slow.lock"
    lock.mkdir()
    long_ago = time.time() - 10_000
    os.utime(lock, (long_ago, long_ago))
    assert (animals.adapter("slow") / "whole").exists()


def test_other_code_or_text_has_another_folder(monkeypatch, tmp_path):
    before = zoo.Zoo(tmp_path).root
    other = tmp_path / "other.yaml"
    other.write_text("[]")
    monkeypatch.setattr(builders, "OTHER_DOCUMENT", other)
    assert zoo.Zoo(tmp_path).root != before
