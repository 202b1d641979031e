from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sway.backends import files
from sway.backends.files import base_folder, content_digest, is_hub_id
from sway.backends.shapes import read_shapes
from sway.core.errors import BackendError


def test_a_snapshot_is_found_in_the_hubs_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert base_folder("org/model") is None
    repo = tmp_path / "models--org--model"
    snapshot = repo / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    assert base_folder("org/model") == snapshot
    assert base_folder("org/model", "abc123") == snapshot
    assert base_folder("org/model", "v2") is None
    assert base_folder(str(tmp_path)) == tmp_path


def test_what_looks_like_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "here").mkdir(parents=True)
    assert is_hub_id("org/model")
    assert not any(is_hub_id(name) for name in ("org/here", "/abs/model", "./model", "model", "a/b/c", "~/x"))


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"x.weight": np.ones((3, 2), "f4")}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"tie_word_embeddings": false}')
    return folder


def test_unchanged_files_are_hashed_once(model, monkeypatch):
    first = content_digest(model)
    monkeypatch.setattr(files, "_hash", lambda path: pytest.fail(f"{path} was hashed again"))
    assert content_digest(model) == first
    monkeypatch.undo()


def test_a_change_of_content_changes_the_digest(model):
    first = content_digest(model)
    (model / "README.md").write_text("a note")
    assert content_digest(model) == first
    (model / "config.json").write_text('{"tie_word_embeddings": true }')
    assert content_digest(model) != first


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"a": 3}', "null"])
def test_a_torn_store_is_an_empty_one(model, torn):
    first = content_digest(model)
    files._Memo().path.write_text(torn)
    assert content_digest(model) == first


def test_a_store_that_cannot_be_written_is_done_without(model, tmp_path, monkeypatch):
    first = content_digest(model)
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert content_digest(model) == first


def test_shapes_come_from_headers(model):
    shapes = read_shapes(model)
    assert shapes.weight("x") == (3, 2)
    assert shapes.weight("outer.x") == (3, 2)
    assert shapes.weight("y") is None
    assert not shapes.tied


def test_packed_and_absent_weights_are_left_to_the_loader(model, tmp_path):
    (model / "config.json").write_text('{"quantization_config": {"bits": 4}}')
    assert read_shapes(model) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    assert read_shapes(empty) is None


def test_unreadable_settings_are_one_line(model):
    (model / "config.json").write_text("{")
    with pytest.raises(BackendError, match=r"config\.json cannot be read"):
        read_shapes(model)
    assert isinstance(model, Path)
