"""`sway fetch`: what specs pin comes from the hub and is what the hub says, or nothing is used of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.backends.hub_server import COMMIT, Hub, git_name, serving

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"print('code')",
    "original/params.json": b"{}",
}
WANTED = ["config.json", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def hub(monkeypatch):
    known = Hub("org/model", FILES)
    with serving(known) as address:
        for name, value in {
            "ENDPOINT": address,
            "HUGGINGFACE_CO_URL_TEMPLATE": address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_PROGRESS_BARS": True,
        }.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        yield known


@pytest.fixture
def write(tmp_path, adapter):
    """A spec in a folder of its own, with the adapter beside it."""

    def write(**base: object) -> Path:
        models = {"base": {"base": "org/model", "revision": COMMIT, **base}}
        models["ft"] = {**models["base"], "adapter": "runs/adapter"}
        path = tmp_path / "sway.yaml"
        suite = [{"name": "a", "kind": "delta_kl", "prompts": ["x"]}]
        path.write_text(yaml.safe_dump({"version": 1, "models": models, "suite": suite}))
        return path

    return write


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def snapshot(cache: Path) -> Path:
    return cache / "models--org--model" / "snapshots" / COMMIT


def test_a_pinned_model_is_fetched_without_pickles_and_code(call, hub, write, cache):
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == 0, ran.err
    assert f"org/model at {COMMIT}: 3 files" in ran.out
    assert sorted(path.name for path in snapshot(cache).iterdir()) == WANTED
    assert (snapshot(cache) / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    asked = len([line for line in hub.asked if "resolve" in line])
    assert call("fetch", write(), "--cache", cache).code == 0
    assert len([line for line in hub.asked if "resolve" in line]) == asked


def test_what_is_fetched_is_found_by_a_run_without_a_network(call, hub, write, cache, monkeypatch):
    from sway.backends.files import base_folder

    call("fetch", write(), "--cache", cache)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    assert base_folder("org/model", COMMIT) == snapshot(cache)


@pytest.mark.parametrize("revision", [None, "main", "d" * 39, "v1.0"])
def test_a_model_that_is_not_pinned_is_refused_with_its_line(call, hub, write, cache, revision):
    ran = call("fetch", write(revision=revision), "--cache", cache)
    assert ran.code == 2
    assert "sway.yaml:" in ran.err
    assert "revision" in ran.err
    assert hub.asked == []


def test_one_that_is_not_pinned_may_be_allowed(call, hub, write, cache):
    ran = call("fetch", write(revision=None), "--cache", cache, "--allow-unpinned")
    assert ran.code == 0, ran.err
    assert (cache / "models--org--model" / "refs" / "main").read_text() == COMMIT


def poison_blob(cache: Path) -> None:
    (snapshot(cache) / "model.safetensors").resolve().write_bytes(b"WEIGHTS" * 100)


def poison_pointer(cache: Path) -> None:
    pointer = snapshot(cache) / "model.safetensors"
    other = cache / "models--org--model" / "blobs" / ("e" * 64)
    other.write_bytes(b"other")
    pointer.unlink()
    pointer.symlink_to(other)


def poison_file(cache: Path) -> None:
    (snapshot(cache) / "generation_config.json").write_text("{}")


def poison_link(cache: Path) -> None:
    outside = cache.parent / "outside"
    outside.write_bytes(FILES["model.safetensors"])
    pointer = snapshot(cache) / "model.safetensors"
    pointer.unlink()
    pointer.symlink_to(outside)


def poison_folder(cache: Path) -> None:
    outside = cache.parent / "elsewhere"
    outside.mkdir()
    (cache / "models--org--other").symlink_to(outside)


def poison_branch(cache: Path) -> None:
    (cache / "models--org--model" / "refs" / COMMIT).write_text("f" * 40)


def poison_branches(cache: Path) -> None:
    (cache / "other").mkdir()
    (cache / "other" / COMMIT).write_text("f" * 40)
    shutil.rmtree(cache / "models--org--model" / "refs", ignore_errors=True)
    (cache / "models--org--model" / "refs").symlink_to(cache / "other")


POISONS = [poison_blob, poison_pointer, poison_file, poison_link, poison_folder, poison_branch, poison_branches]


@pytest.mark.parametrize("poison", POISONS)
def test_a_cache_that_was_tampered_with_is_refused(call, hub, write, cache, poison):
    assert call("fetch", write(), "--cache", cache).code == 0
    (cache / "models--org--model" / "refs").mkdir(exist_ok=True)
    poison(cache)
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == 2
    assert "cannot be trusted" in ran.err
    named = Path(ran.err.removeprefix("error: ").partition(": ")[0])
    assert named.is_relative_to(cache)
    assert named.is_symlink() or named.is_file()
    named.unlink()
    assert call("fetch", write(), "--cache", cache).code == 0
    assert (snapshot(cache) / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def keep(cache: Path, name: str, data: bytes) -> Path:
    """Have a file in the cache as another tool's download leaves it."""
    blob, pointer = cache / "models--org--model" / "blobs" / git_name(data), snapshot(cache) / name
    blob.write_bytes(data)
    pointer.parent.mkdir(exist_ok=True)
    pointer.symlink_to(blob)
    return pointer


def test_what_else_the_hub_lists_of_the_commit_may_be_in_the_cache(call, hub, write, cache):
    hub.files["README.md"] = b"# A model"
    assert call("fetch", write(), "--cache", cache).code == 0
    for name in ("README.md", "pytorch_model.bin", "original/params.json"):
        keep(cache, name, hub.files[name])
    ran = call("fetch", write(), "--cache", cache)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("name", ["README.md", "pytorch_model.bin", "modeling.py", "other.py", "sub/model.safetensors"])
def test_what_is_not_as_the_hub_lists_it_is_refused_by_name(call, hub, write, cache, name):
    hub.files["README.md"] = b"# A model"
    assert call("fetch", write(), "--cache", cache).code == 0
    pointer = keep(cache, name, b"other bytes")
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == 2
    assert f"error: {pointer}: the model cache cannot be trusted: {name} is" in ran.err


def test_other_bytes_than_the_hub_tells_of_are_refused(call, hub, write, cache):
    hub.lies["tokenizer.json"] = b"[]"
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == 2
    assert "tokenizer.json" in ran.err


@pytest.mark.parametrize(("status", "code"), [(401, 2), (403, 2), (404, 2)])
def test_a_model_that_the_hub_does_not_give(call, hub, write, cache, status, code):
    hub.status = status
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == code
    assert "org/model" in ran.err


def test_a_hub_that_is_not_there_is_no_verdict(call, hub, write, cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    ran = call("fetch", write(), "--cache", cache)
    assert ran.code == 3
    assert "try again" in ran.err


def test_a_model_that_is_too_large_is_not_fetched(call, hub, write, cache):
    ran = call("fetch", write(), "--cache", cache, "--max-size-gb", "0.0000001")
    assert ran.code == 2
    assert "--max-size-gb" in ran.err
    assert not [line for line in hub.asked if "resolve" in line]


@pytest.mark.parametrize("base", ["a/b/c", "../x/y", "a b", "-x/y"])
def test_a_name_that_is_no_model_id_asks_nothing(call, hub, write, cache, base):
    assert call("fetch", write(base=base), "--cache", cache).code == 2
    assert hub.asked == []


def test_a_folder_here_needs_nothing(call, hub, write, cache, tmp_path):
    (tmp_path / "base").mkdir()
    ran = call("fetch", write(base="base", revision=None), "--cache", cache)
    assert ran.code == 0
    assert "nothing to fetch" in ran.out
    assert hub.asked == []


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ({"base": "../outside", "revision": None}, "models.base.base"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"kind": "custom", "entry_point": "evil:Class"}, "entry_point"),
    ],
)
def test_within_a_folder_nothing_leads_out_and_no_code_comes_in(call, hub, write, cache, tmp_path, base, told):
    inside = tmp_path / "inside"
    (tmp_path / "outside").mkdir()
    inside.mkdir()
    (tmp_path / "runs").rename(inside / "runs")
    spec = write(**base).rename(inside / "sway.yaml")
    ran = call("fetch", spec, "--cache", cache, "--within", inside)
    assert ran.code == 2
    assert told in ran.err
    assert hub.asked == []


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("key", ["sections", "controls", "embedding_model"])
def test_nor_do_texts_and_sentence_models_lead_out(call, hub, write, cache, tmp_path, monkeypatch, key, link):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside / "model"):
        folder.mkdir(parents=True)
    (outside / "text.md").write_text("# Text\n\nWords.\n")
    (tmp_path / "runs").rename(inside / "runs")
    spec = write().rename(inside / "sway.yaml")
    target = outside / ("model" if key == "embedding_model" else "text.md")
    if link:
        (inside / target.name).symlink_to(target)
    named = target.name if link else f"../outside/{target.name}"
    data = yaml.safe_load(spec.read_text())
    if key == "embedding_model":
        data["suite"] = [{"name": "c", "kind": "cluster_kl", "prompts": ["x"] * 20, key: named}]
    else:
        data[key] = named
    spec.write_text(yaml.safe_dump(data))
    monkeypatch.chdir(inside)
    ran = call("fetch", spec, "--cache", cache, "--within", inside)
    assert ran.code == 2
    assert f"{key} leads out of" in ran.err
    assert hub.asked == []
    assert call("fetch", spec, "--cache", cache, "--within", tmp_path).code == 0


def test_an_adapter_that_is_a_link_out_is_refused(call, hub, write, cache, tmp_path):
    inside = tmp_path / "inside"
    (inside / "runs").mkdir(parents=True)
    (inside / "runs" / "adapter").symlink_to(tmp_path / "runs" / "adapter")
    spec = write().rename(inside / "sway.yaml")
    ran = call("fetch", spec, "--cache", cache, "--within", inside)
    assert ran.code == 2
    assert "models.ft.adapter" in ran.err
    document = json.loads(json.dumps(yaml.safe_load(spec.read_text())))
    assert document["models"]["ft"]["adapter"] == "runs/adapter"


def test_a_broken_spec_is_told_as_the_gate_tells_it(call, hub, tmp_path, cache):
    (tmp_path / "sway.yaml").write_text("version: 1\nmodel: x\n")
    ran = call("fetch", tmp_path / "sway.yaml", "--cache", cache)
    assert ran.code == 2
    assert "sway.yaml:2" in ran.err
