import contextlib
import io
import os
import pickle
import random
import struct
import time
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.checkpoint import Tensor, read_checkpoint
from sway.core.errors import SwayError
from sway.core.pickle_reader import MAX_BYTES, PickleFault, read_pickle

torch = pytest.importorskip("torch")


def archive(path, index, *, compress=zipfile.ZIP_STORED, **entries):
    """A file laid out as torch.save does, with any bytes for its index."""
    with zipfile.ZipFile(path, "w", compress) as file:
        file.writestr("archive/data.pkl", index)
        for name, data in entries.items():
            file.writestr(f"archive/data/{name}", data)
    return path


def fault(path):
    with pytest.raises(SwayError) as caught:
        read_checkpoint(path)
    assert caught.value.where == str(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "dtype",
    ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"],
)
def test_tensors_of_every_type_come_back(tmp_path, dtype):
    saved = (torch.arange(12).reshape(3, 4) % 2 if dtype == "bool" else torch.arange(12).reshape(3, 4)).to(
        getattr(torch, dtype)
    )
    torch.save({"t": saved}, tmp_path / "t.pt")
    found = read_checkpoint(tmp_path / "t.pt")["t"].array()
    assert np.array_equal(found, saved.to(torch.float64).numpy())


def test_views_share_a_storage_and_keep_their_shape(tmp_path):
    base = torch.randn(4, 6)
    torch.save([base, base.T, base[1:3, 2:], base[0, 0], torch.zeros(0, 3)], tmp_path / "t.pt")
    for found, saved in zip(
        read_checkpoint(tmp_path / "t.pt"), [base, base.T, base[1:3, 2:], base[0, 0]], strict=False
    ):
        assert np.array_equal(found.array(), saved.numpy())
    assert read_checkpoint(tmp_path / "t.pt")[4].array().shape == (0, 3)


def test_a_real_training_state_comes_back(tmp_path):
    layer = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    layer(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    state = {
        "global_step": 7,
        "epoch": 0.5,
        "best": None,
        "flags": (True, False),
        "names": ["é", "b" * 300],
        "big": 2**40,
        "negative": -5,
        "ordered": OrderedDict(a=1),
        "weights": layer.state_dict(),
        "parameter": layer.weight,
        "shape": layer.weight.shape,
        "optimizer_state_dict": optimizer.state_dict(),
        "rng": (
            torch.get_rng_state(),
            np.random.default_rng(0).bit_generator.state["bit_generator"],
            random.getstate(),
        ),
        "array": np.arange(3),
    }
    torch.save(state, tmp_path / "t.pt")
    found = read_checkpoint(tmp_path / "t.pt")
    for key in ("global_step", "epoch", "best", "flags", "names", "big", "negative", "ordered"):
        assert found[key] == state[key]
    assert found["shape"] == (3, 4)
    assert found["rng"][2] == random.getstate()
    for i, moments in optimizer.state_dict()["state"].items():
        read = found["optimizer_state_dict"]["state"][i]["exp_avg_sq"]
        assert isinstance(read, Tensor)
        assert np.array_equal(read.array(), moments["exp_avg_sq"].numpy())


def test_values_are_read_only(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "t.pt")
    with pytest.raises(ValueError, match="read-only"):
        read_checkpoint(tmp_path / "t.pt").array()[0] = 1


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def gadgets(marker):
    return {
        "os.system": Evil(os.system, f"touch {marker}"),
        "eval": Evil(eval, f"open({str(marker)!r}, 'w')"),
        "exec": Evil(exec, f"open({str(marker)!r}, 'w')"),
        "getattr": Evil(getattr, os, "system"),
        "open": Evil(io.open, str(marker), "w"),
        "import": Evil(__import__, "antigravity"),
        "torch.load": Evil(torch.load, str(marker)),
        "nested": {"a": [Evil(os.system, f"touch {marker}")]},
    }


@pytest.mark.parametrize("name", ["os.system", "eval", "exec", "open", "import", "torch.load", "nested"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_index_runs_nothing(tmp_path, name, protocol):
    marker = tmp_path / "marker"
    evil = archive(tmp_path / "t.pt", pickle.dumps(gadgets(marker)[name], protocol=protocol))
    text = fault(evil)
    assert not marker.exists()
    assert "not plain data" in text or "opcode" in text


@pytest.mark.parametrize(
    "index",
    [
        b"\x80\x02cposix\nsystem\nX\x01\x00\x00\x00a\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02cbuiltins\ngetattr\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nctorch\nFloatStorage\n\x85R.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"(S'a'\nios\nsystem\n.",
        b"\x80\x02\x82\x01.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\n.",
        b"\x80\x02ctorch.hub\nload\n.",
    ],
)
def test_hand_made_gadgets_are_refused(tmp_path, index):
    fault(archive(tmp_path / "t.pt", index))


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b".",
        b"\x80\x02",
        b"\x80\x02]q\x00h\x05.",
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02]K\x01s.",
        b"\x80\x02}]K\x01s.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02)\x87.",
        b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
        b"\x80\x02t.",
        b"\x80\x02K\x01Q.",
    ],
)
def test_a_damaged_index_is_an_error_that_names_the_file(tmp_path, index):
    fault(archive(tmp_path / "t.pt", index))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(index):
    with contextlib.suppress(PickleFault):
        read_pickle(b"\x80\x02" + index, {}, lambda key: key)


leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()


def nested(inner):
    return st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner) | st.tuples(inner, inner)


@given(st.recursive(leaves, nested), st.sampled_from([2, 3, 4, 5]))
def test_plain_values_come_back_as_they_are(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol=protocol), {}, lambda key: key) == value


@given(st.binary(), st.sampled_from([3, 4, 5]))
def test_bytes_come_back_as_they_are(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol=protocol), {}, lambda key: key) == value


def test_a_billion_laughs_take_no_time(tmp_path):
    # Each list or tuple holds the last one ten times: 10^60 elements for whoever walks or hashes it.
    for opener, closer in ((b"(", b"t"), (b"](", b"e")):
        index = b"\x80\x02K\x01q\x00"
        for i in range(60):
            index += opener + b"h" + bytes([i]) + (b"h" + bytes([i])) * 9 + closer + b"q" + bytes([i + 1])
        started = time.process_time()
        read_checkpoint(archive(tmp_path / "t.pt", index + b"."))
        as_key = index + b"0}h" + bytes([60]) + b"K\x01s."
        fault(archive(tmp_path / "t.pt", as_key))
        key = b"\x80\x02}" + index[2:] + b"K\x01s."
        fault(archive(tmp_path / "t.pt", key))
        assert time.process_time() - started < 2


def test_huge_memo_indices_and_indexes_are_bounded(tmp_path):
    assert read_checkpoint(archive(tmp_path / "t.pt", b"\x80\x02]r\xff\xff\xff\xff.")) == []
    text = fault(archive(tmp_path / "t.pt", b"\x80\x02" + b"N" * MAX_BYTES))
    assert "more than" in text


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_compressed_parts_are_refused_before_they_swell(tmp_path, method):
    path = archive(tmp_path / "t.pt", b"\x80\x02N" + b"0N" * 1_000_000 + b".", compress=method)
    assert "compressed" in fault(path)


def storage_index(key="0", numel=4, offset=0, shape=(2, 2), stride=(2, 1), kind="FloatStorage"):
    def numbers(values):
        return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"

    text = b"X" + struct.pack("<I", len(key)) + key.encode()
    persistent = b"(X\x07\x00\x00\x00storagectorch\n" + kind.encode() + b"\n" + text + b"X\x03\x00\x00\x00cpu"
    persistent += b"J" + struct.pack("<i", numel) + b"tQ"
    rest = b"J" + struct.pack("<i", offset) + numbers(shape) + numbers(stride) + b"\x89N"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + rest + b"tR."


def test_the_hand_made_tensor_is_sound(tmp_path):
    data = np.arange(4, dtype="<f4").tobytes()
    found = read_checkpoint(archive(tmp_path / "t.pt", storage_index(), **{"0": data}))
    assert found.array().tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"numel": 5},
        {"numel": -1},
        {"offset": 1},
        {"offset": -1},
        {"shape": (3, 2)},
        {"stride": (4, 1)},
        {"stride": (-2, 1)},
        {"shape": (2, 2, 2)},
        {"shape": (1_000_000, 1_000_000), "stride": (0, 0)},
        {"key": "1"},
        {"key": "../../data.pkl"},
        {"kind": "QInt8Storage"},
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, wrong):
    data = np.arange(4, dtype="<f4").tobytes()
    fault(archive(tmp_path / "t.pt", storage_index(**wrong), **{"0": data}))


def test_torch_s_old_format_says_how_to_save_again(tmp_path):
    torch.save({"a": 1}, tmp_path / "t.pt", _use_new_zipfile_serialization=False)
    assert "old format" in fault(tmp_path / "t.pt")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\0" * 60, b"not a file of torch", b"\x80\x02}."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "t.pt").write_bytes(content)
    fault(tmp_path / "t.pt")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_short_is_refused(tmp_path, share):
    torch.save({"a": torch.randn(100, 100)}, tmp_path / "t.pt")
    whole = (tmp_path / "t.pt").read_bytes()
    (tmp_path / "t.pt").write_bytes(whole[: int(share * len(whole))])
    fault(tmp_path / "t.pt")


def test_a_missing_file_and_a_zip_without_an_index_are_refused(tmp_path):
    fault(tmp_path / "absent.pt")
    with zipfile.ZipFile(tmp_path / "t.pt", "w") as file:
        file.writestr("readme", "x")
    assert "no index" in fault(tmp_path / "t.pt")


def test_a_big_endian_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.pt", "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02N.")
        file.writestr("archive/byteorder", b"big")
    assert "big-endian" in fault(tmp_path / "t.pt")


def test_a_crowd_of_entries_is_refused_before_it_is_listed(tmp_path):
    path = archive(tmp_path / "t.pt", b"\x80\x02N.")
    whole = path.read_bytes()
    end = whole.rfind(b"PK\x05\x06")
    wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 10**9, 10**9, 46, 0)
    path.write_bytes(whole[:end] + wide + whole[end:])
    assert "entries" in fault(path)
