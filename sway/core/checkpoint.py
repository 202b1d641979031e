"""Reads a `torch.save` file without torch, and without running anything in it.

The file is a zip whose entries are stored as they are: an index (a pickle) and one entry a tensor's
storage. Storages stay on disk, memory-mapped, until a tensor's values are asked for.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sway.core.errors import SwayError
from sway.core.pickle_reader import MAX_BYTES, Name, Opaque, PickleFault, read_pickle

MAX_ENTRIES = 200_000
_OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the values of tensors lie: bytes of a mapped file, and how to read them."""

    bytes: NDArray[np.uint8]
    dtype: str

    def values(self) -> NDArray[Any]:
        """All values (n,); bfloat16 is widened to float32."""
        if self.dtype == "bfloat16":
            return (self.bytes.view("<u2").astype(np.uint32) << 16).view(np.float32)
        return self.bytes.view(self.dtype)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that has not been read yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    def array(self) -> NDArray[Any]:
        """Its values, in `shape`."""
        values = self.storage.values()[self.offset :]
        strides = tuple(s * values.itemsize for s in self.stride)
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)


def read_checkpoint(path: Path) -> object:
    """What was saved: dicts, lists, tuples, numbers, texts, and `Tensor` for tensors.

    Raises:
        SwayError: the file is not a torch zip file, is damaged, compressed or too large, or refers
            to anything but plain data.
    """
    try:
        return _read(path)
    except SwayError as fault:
        raise SwayError(fault.what, where=str(path), mend=fault.mend) from None
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError) as fault:
        raise SwayError(f"cannot be read ({fault})", where=str(path), mend="save it again with torch.save") from None


def _read(path: Path) -> object:
    mapped = np.asarray(np.memmap(path, dtype=np.uint8, mode="r")) if path.stat().st_size else np.zeros(0, np.uint8)
    head = mapped[:32].tobytes()
    if head.startswith(_OLD_MAGIC):
        raise SwayError("is in torch's old format", mend="save it again with torch.save of torch 1.6 or later")
    if not head.startswith(b"PK"):
        raise SwayError("is not a file of torch.save", mend="save it again with torch.save")
    _refuse_crowds(path)
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: info for info in archive.infolist()}
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise SwayError("is not a file of torch.save: it has no index", mend="save it again with torch.save")
    archived = _Archive(mapped, entries, roots[0])
    if "byteorder" in archived and archived.entry("byteorder").tobytes() != b"little":
        raise SwayError("was written on a big-endian machine", mend="save it again on a little-endian one")
    return read_pickle(archived.entry("data.pkl", MAX_BYTES).tobytes(), _NAMES, archived.storage)


def _refuse_crowds(path: Path) -> None:
    """Refuse a zip with too many entries before they are listed."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 65_600), os.SEEK_END)
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    count = struct.unpack("<H", tail[end + 10 : end + 12])[0] if end >= 0 else 0
    if wide := tail.rfind(b"PK\x06\x06") + 1:
        count = max(count, struct.unpack("<Q", tail[wide + 31 : wide + 39])[0])
    if count > MAX_ENTRIES:
        raise SwayError(f"has {count} entries, more than the {MAX_ENTRIES} allowed")


@dataclass(frozen=True)
class _Archive:
    """The entries of a torch zip file, over its mapped bytes."""

    mapped: NDArray[np.uint8]
    entries: Mapping[str, zipfile.ZipInfo]
    root: str

    def __contains__(self, name: str) -> bool:
        return self.root + name in self.entries

    def entry(self, name: str, limit: int | None = None) -> NDArray[np.uint8]:
        """The bytes of one entry. Only stored entries are read, so that none can swell."""
        info = self.entries.get(self.root + name)
        if info is None:
            raise SwayError(f"lacks its part {name!r}", mend="save it again with torch.save")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise SwayError("holds compressed or encrypted parts", mend="save it again with torch.save")
        if limit is not None and info.file_size > limit:
            raise SwayError(f"has an index of {info.file_size} bytes, more than the {limit} allowed")
        head = self.mapped[info.header_offset : info.header_offset + 30].tobytes()
        start = info.header_offset + 30 + sum(struct.unpack("<HH", head[26:30]))
        found = self.mapped[start : start + info.file_size]
        if len(found) != info.file_size:
            raise SwayError("is cut short", mend="save it again, or copy it again")
        return found

    def storage(self, key: object) -> Storage:
        """The storage that an index refers to by ("storage", type, name, place, length)."""
        if not (isinstance(key, tuple) and len(key) == 5 and key[0] == "storage" and isinstance(key[1], Name)):
            raise PickleFault("it refers to something outside itself")
        dtype = _DTYPES.get(key[1].name.removeprefix("torch "))
        if dtype is None or not isinstance(key[2], str) or not isinstance(key[4], int):
            raise PickleFault("it has a storage of an unknown type")
        width = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
        data = self.entry(f"data/{key[2]}")
        if not 0 <= key[4] * width <= len(data):
            raise PickleFault("it has a storage that is shorter than it says")
        return Storage(data[: key[4] * width], dtype)


def _tensor(storage: object, offset: object, shape: object, stride: object, *_: object) -> Tensor:
    """Check a tensor's place in its storage before anyone reads it."""
    if not (isinstance(storage, Storage) and isinstance(offset, int) and _sizes(shape) and _sizes(stride)):
        raise PickleFault("it has a tensor that is not one")
    assert isinstance(shape, tuple)
    assert isinstance(stride, tuple)
    width = 2 if storage.dtype == "bfloat16" else np.dtype(storage.dtype).itemsize
    held, count = len(storage.bytes) // width, math.prod(shape)
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if count else offset
    if offset < 0 or count > held or last >= max(held, 1) or last < 0:
        raise PickleFault("it has a tensor that reaches beyond its storage")
    return Tensor(storage, offset, shape, stride)


def _sizes(value: object) -> bool:
    return isinstance(value, tuple) and len(value) <= 16 and all(isinstance(n, int) and 0 <= n < 2**48 for n in value)


def _mapping(*arguments: object) -> dict[Any, Any] | Opaque:
    """An ordered mapping starts empty; one that is made from anything else is not needed."""
    return Opaque() if arguments else {}


def _first(value: object = (), *_: object) -> object:
    return value


def _opaque(*_: object) -> Opaque:
    return Opaque()


_DTYPE_NAMES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
_NUMPY_STATE = ("_reconstruct", "scalar")
_NAMES = {
    name: Name(name, build)
    for name, build in {
        "collections OrderedDict": _mapping,
        "torch._utils _rebuild_tensor_v2": _tensor,
        "torch._utils _rebuild_parameter": _first,
        "torch Size": _first,
        "torch device": _opaque,
        "numpy ndarray": None,
        "numpy dtype": _opaque,
        "_codecs encode": _opaque,
        "__builtin__ bytes": _opaque,
        **{f"numpy.core.multiarray {name}": _opaque for name in _NUMPY_STATE},
        **{f"numpy._core.multiarray {name}": _opaque for name in _NUMPY_STATE},
        **{f"torch {name}": None for name in (*_DTYPES, *_DTYPE_NAMES)},
    }.items()
}
