"""Archives from anywhere: whatever is wrong is one line, and nothing is written."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sway.core.errors import SwayError
from sway.pack.archive import read, to_bytes
from sway.pack.layout import FileRecord, Manifest
from sway.pack.unpack import unpack

LIMIT = 1_000_000
SPEC = b"version: 1\nmodels: {base: {base: m}, ft: {base: m, adapter: a}}\nsuite: []\n"


def manifest(files: dict[str, bytes], **changes) -> bytes:
    records = {name: FileRecord.of(content) for name, content in files.items()}
    return (Manifest(sway_version="1", base="m", files=records).model_copy(update=changes)).model_dump_json().encode()


def good(**more: bytes) -> dict[str, bytes]:
    files = {"sway.yaml": SPEC, **more}
    return {"manifest.json": manifest(files), **files}


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def with_extra(*extra: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return tar(*((member(name), content) for name, content in good().items()), *extra)


def refused(content: bytes, tmp_path: Path, limit: int = LIMIT) -> str:
    """The error on unpacking, after checking that it left nothing behind."""
    path = tmp_path / "x.swaypack.tar.gz"
    path.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SwayError) as caught:
        unpack(path, tmp_path / "out", limit=limit)
    assert sorted(tmp_path.rglob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "x"
    files = good(**{"golden.json": b"{}", "sections.md": b"# a\n", "source.dlm": b"x"})
    path.write_bytes(to_bytes(files))
    told, found = read(path, LIMIT)
    assert {**found, "manifest.json": files["manifest.json"]} == files
    assert told.files["golden.json"].size == 2
    done = unpack(path, tmp_path / "out", limit=LIMIT)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == found
    assert done.command == f"sway run {tmp_path}/out/sway.yaml"


def test_equal_files_give_equal_bytes_in_any_order():
    files = good(**{"golden.json": b"{}", "source.dlm": b"x"})
    assert to_bytes(files) == to_bytes(dict(reversed(files.items())))


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/etc/evil", "a/../../evil", "null-stats/../../evil", "C:\\evil", "..\\evil", "~/evil", "Sway.yaml",
        "SWAY.YAML", "manifest.json/x", "sections.py", "sections.md\n", "null-stats/x.json", "sway.yaml ",
        "./sway.yaml",
        "null-stats/" + "a" * 16 + "-" + "A" * 64 + ".json", "evil\x1b[31m", "", "x" * 5000,
    ],
)  # fmt: skip
def test_no_other_name_is_taken(tmp_path, name):
    assert "a name that no file of a pack has" in refused(with_extra((member(name), b"x")), tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_devices_and_folders_are_refused(tmp_path, kind):
    assert "no plain file" in refused(with_extra((member("golden.json", kind, "/etc/passwd"), b"")), tmp_path)


def test_a_file_that_stands_twice_is_refused(tmp_path):
    assert "twice" in refused(with_extra((member("sway.yaml"), SPEC)), tmp_path)


def test_a_bomb_is_refused_before_it_swells(tmp_path):
    assert "unpacks to more than 976.6 KB" in refused(with_extra((member("golden.json"), bytes(2_000_000))), tmp_path)
    refused(gzip.compress(bytes(50_000_000)), tmp_path)
    many = [(member("golden.json"), b"x" * 400_000), (member("sections.md"), b"x" * 400_000)]
    assert "unpacks to more than" in refused(with_extra(*many, (member("controls.md"), b"x" * 400_000)), tmp_path)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    out = io.BytesIO()
    header = member("sway.yaml")
    header.size = 2**60
    out.write(header.tobuf(tarfile.GNU_FORMAT))
    assert "unpacks to more than" in refused(gzip.compress(out.getvalue()), tmp_path)


def test_a_long_chain_of_headers_is_refused(tmp_path):
    header = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 512
    chain = (header.tobuf(tarfile.GNU_FORMAT) + b"x" * 512) * 1500
    refused(gzip.compress(chain), tmp_path, limit=10_000_000)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "manifest is missing"),
        ({"sway.yaml": SPEC}, "manifest is missing"),
        ({"manifest.json": b"[]"}, "manifest is missing or not of version 1"),
        ({"manifest.json": b"\xff"}, "manifest is missing or not of version 1"),
        ({"manifest.json": b"[" * 100_000}, "manifest is missing or not of version 1"),
        ({"manifest.json": manifest({}, version=2)}, "not of version 1"),
        ({"manifest.json": manifest({})}, "holds no sway.yaml"),
        ({"manifest.json": manifest({}), "sway.yaml": SPEC}, "differ in 'sway.yaml'"),
        ({**good(), "golden.json": b"{}"}, "differ in 'golden.json'"),
        ({**good(), "sway.yaml": SPEC + b"#"}, "sway.yaml is not what the manifest says"),
        ({"manifest.json": manifest({"sway.yaml": b"a: ["}), "sway.yaml": b"a: ["}, "not valid YAML"),
        ({"manifest.json": manifest({"sway.yaml": b"[]"}), "sway.yaml": b"[]"}, "has no models"),
    ],
)
def test_packs_that_are_not_in_order_are_refused(tmp_path, files, said):
    assert said in refused(to_bytes(files), tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pack", gzip.compress(b"no tar"), to_bytes(good())[:-40], b"\x1f\x8b"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    refused(content, tmp_path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_has_another_outcome_than_a_line(tmp_path, data):
    """Bytes of the archive inside the compression are changed, cut or doubled."""
    inner = bytearray(gzip.decompress(to_bytes(good(**{"golden.json": b'{"a": 1}'}))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(inner) - 1))
        inner[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(inner)))
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(bytes(inner[:cut] if data.draw(st.booleans()) else inner)))
    try:
        told, found = read(path, LIMIT)
    except SwayError as fault:
        line = str(fault)
    else:
        line = ""
        assert {name: FileRecord.of(content) for name, content in found.items()} == told.files
    assert "\n" not in line


def test_a_folder_that_is_taken_is_left_alone(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(to_bytes(good()))
    taken = tmp_path / "out"
    taken.mkdir()
    (taken / "mine").write_text("keep")
    link = tmp_path / "link"
    link.symlink_to(taken)
    for folder in (taken, link, path):
        with pytest.raises(SwayError, match="is there already"):
            unpack(path, folder, limit=LIMIT)
    with pytest.raises(SwayError, match="no such folder"):
        unpack(path, tmp_path / "no" / "out", limit=LIMIT)
    (tmp_path / "empty").mkdir()
    assert unpack(path, tmp_path / "empty", limit=LIMIT).spec.is_file()
    assert json.loads(json.dumps([p.name for p in taken.iterdir()])) == ["mine"]
