import json
import os
import pickle
from pathlib import Path

import pytest

from sway.backends.base_folder import check_base_folder
from sway.core.errors import BackendError


@pytest.fixture
def base(tmp_path):
    """A folder with the files of a base model; what is in them is not looked at."""
    for name, text in {"config.json": "{}", "model.safetensors": "", "tokenizer.json": "{}"}.items():
        (tmp_path / name).write_text(text)
    check_base_folder(tmp_path)
    return tmp_path


def without(*names):
    return lambda folder: [(folder / name).unlink() for name in names]


def config(text):
    return lambda folder: (folder / "config.json").write_bytes(text)


def adapter(*gone):
    def change(folder):
        (folder / "adapter_config.json").write_text("{}")
        without(*gone)(folder)

    return change


def pipe(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


FAULTS = {
    "settings": (without("config.json"), "no config.json"),
    "weights": (without("model.safetensors"), "no safetensors"),
    "tokenizer": (without("tokenizer.json"), "no tokenizer"),
    "nothing": (without("config.json", "model.safetensors", "tokenizer.json"), "no model folder"),
    "an adapter": (adapter("config.json"), "an adapter and not a base"),
    "an adapter beside": (adapter(), "holds an adapter beside"),
    "no JSON": (config(b"{"), "cannot be read"),
    "binary": (config(b"\xff\xfe\x00"), "cannot be read"),
    "deep": (config(b"[" * 100_000), "cannot be read"),
    "list": (config(b"[]"), "not a JSON object"),
    "pipe": (pipe, "no config.json"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_line_that_says_what_to_do(base, name):
    change, said = FAULTS[name]
    change(base)
    with pytest.raises(BackendError, match=said) as error:
        check_base_folder(base)
    line = str(error.value)
    assert line.startswith(f"{base}: ")
    assert line.endswith(")")
    assert "\n" not in line


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_named_and_left_alone(base, tmp_path):
    fuse = tmp_path / "went off"
    (base / "model.safetensors").unlink()
    (base / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(fuse)))
    with pytest.raises(BackendError, match=r"pytorch_model\.bin is a pickle"):
        check_base_folder(base)
    assert not fuse.exists()


def test_sharded_weights_and_other_tokenizers_will_do(base):
    (base / "model.safetensors").rename(base / "model-00001-of-00001.safetensors")
    (base / "tokenizer.json").rename(base / "spiece.model")
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    check_base_folder(base)
