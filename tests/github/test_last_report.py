"""`sway last-report`: only the base branch's own report, unpacked with nothing on trust."""

import io
import zipfile

import pytest

from sway.core.errors import SwayError
from sway.github.artifact import LARGEST_FILE, unpack
from tests.github.fake import DATA, SHA, Fault, repository, zipped

FORK = repository(99, "mallory/models")


def run(number, **changes):
    plain = {"id": number, "workflow_id": 5, "event": "push", "status": "completed", "conclusion": "success"}
    return {**plain, "head_branch": "main", "head_sha": SHA, "head_repository": repository(), **changes}


def artifact(number=1, **changes):
    return {"id": number, "name": "sway-report", "expired": False, "size_in_bytes": 100, **changes}


@pytest.fixture
def fetch(at, post, hub, tmp_path):
    """Fetch it for a pull request; what was unpacked, and what was said."""

    def fetch(*runs, kind="pull_request", output="last", artifact="sway-report", **environment):
        hub.runs = [run(55, event=kind, head_branch="topic"), *runs]
        at(kind, **environment)
        code, said = post("last-report", "--artifact", artifact, "--output", tmp_path / output)
        files = (tmp_path / output).glob("*.json") if (tmp_path / output).exists() else []
        return code, sorted(p.name for p in files), said

    return fetch


def test_the_newest_of_the_base_branch_is_unpacked(hub, fetch, tmp_path):
    hub.artifacts = {50: [artifact()]}
    hub.archive = zipped({"a.json": b"{}", "reports/b.json": b"[]", "notes.md": b"", "x/": b""})
    code, files, _ = fetch(run(51), run(50), run(49))
    assert (code, files) == (0, ["a.json", "b.json"])
    assert (tmp_path / "last" / "b.json").read_bytes() == b"[]"


@pytest.mark.parametrize(
    "other",
    [
        run(50, head_repository=FORK),
        run(50, head_branch="topic"),
        run(50, event="pull_request"),
        run(50, conclusion="failure"),
    ],
)
def test_the_run_of_a_pull_request_or_of_a_fork_is_not_taken(hub, fetch, other):
    hub.artifacts = {50: [artifact()]}
    hub.archive = zipped({"a.json": b"{}"})
    code, files, said = fetch(other)
    assert (code, files) == (0, [])
    assert "::notice::" in said


def test_a_server_that_ignores_the_filter_is_not_believed(hub, fetch):
    hub.artifacts, hub.archive = {50: [artifact()]}, zipped({"a.json": b"{}"})
    hub.unfiltered = True
    assert fetch(run(50, head_branch="evil"), run(50, event="pull_request"))[1] == []


def test_a_job_after_the_gate_looks_in_the_gates_own_workflow(hub, fetch):
    hub.artifacts, hub.archive = {50: [artifact()]}, zipped({"a.json": b"{}"})
    gate = run(33, event="pull_request", head_branch="topic", head_repository=FORK, workflow_id=6)
    assert fetch(gate, run(50, workflow_id=6), kind="workflow_run")[1] == ["a.json"]
    assert hub.count("GET", "/actions/workflows/6/runs") == 1


@pytest.mark.parametrize("kept", [[], [artifact(expired=True)], [artifact(name="other")]])
def test_without_an_artifact_there_is_a_notice(hub, fetch, kept):
    hub.artifacts = {50: kept}
    code, files, said = fetch(run(50))
    assert (code, files) == (0, [])
    assert "no report yet" in said


@pytest.mark.parametrize(("closing", "code"), [("true", 2), ("false", 0)])
def test_where_github_does_not_let_us_look_it_is_told(hub, fetch, closing, code):
    hub.faults.append(Fault("GET", "/actions/runs/55", 403, {"message": "Resource not accessible"}, times=9))
    found = fetch(run(50), SWAY_FAIL_ON_REGRESSION=closing)
    assert found[0] == code
    assert "403" in found[2]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("GET", "/actions/runs/55", 403, {"message": "Resource not accessible"}, times=9), "actions: read"),
        (Fault("GET", "/actions/runs/55", 500, times=99), "the log of the run says why"),
    ],
)
@pytest.mark.parametrize(("closing", "code"), [("true", 3), ("false", 0)])
def test_a_report_that_could_not_be_read_is_not_told_as_one_that_is_not_there(
    hub, fetch, post, tmp_path, fault, said, closing, code
):
    hub.faults.append(fault)
    fetch(run(50), SWAY_FAIL_ON_REGRESSION=closing)
    assert post("post", "--report", DATA / "pass.json", "--baseline", tmp_path / "last")[0] == code
    (body,) = hub.bodies()
    assert "> ⚠️ The base branch's last report could not be read" in body
    assert said in body
    assert "no earlier report" not in body


def test_a_fault_that_passes_does_no_harm(hub, fetch):
    hub.artifacts, hub.archive = {50: [artifact()]}, zipped({"a.json": b"{}"})
    for path in ("/actions/runs/55", "/actions/workflows/5/runs", "/actions/runs/50/artifacts", "/zip"):
        hub.faults.append(Fault("GET", path))
    assert fetch(run(50))[:2] == (0, ["a.json"])


def test_what_is_too_large_is_not_even_asked_for(hub, fetch):
    hub.artifacts = {50: [artifact(size_in_bytes=1 << 30)]}
    code, files, said = fetch(run(50))
    assert (code, files) == (0, [])
    assert "larger than" in said
    assert not hub.count("GET", "/zip")


@pytest.mark.parametrize("name", ["", "../x", "a\nb", "a/b", "x" * 300])
def test_an_artifacts_name_is_one(fetch, name):
    assert fetch(run(50), artifact=name, SWAY_FAIL_ON_REGRESSION="true")[0] == 2


@pytest.mark.parametrize("name", ["../../evil.json", "/etc/evil.json", "..\\evil.json", "C:\\x\\evil.json"])
def test_no_name_in_an_archive_leads_out_of_the_folder(tmp_path, name):
    assert unpack(zipped({name: b"{}"}), tmp_path / "in" / "out") == ["evil.json"]
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.json")] == ["in/out/evil.json"]


@pytest.mark.parametrize("name", [".json", "..json", "-x.json", "a b.json", "a\nb.json", "x.txt", "\u202ea.json"])
def test_odd_names_are_left_out(tmp_path, name):
    assert unpack(zipped({name: b"{}", "a.json": b"1"}), tmp_path / "out") == ["a.json"]


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"", "no sound archive"),
        (b"PK", "no sound archive"),
        (zipped({"a.json": b"{}"})[:-9], "no sound archive"),
        (zipped({"a.json": b"{}", "x/a.json": b"{}"}), "one name"),
        (zipped({f"{i}.json": b"" for i in range(201)}), "more than"),
        (zipped({"a.json": b"0" * (LARGEST_FILE + 1)}), "too large"),
    ],
)
def test_an_unsound_archive_leaves_nothing(tmp_path, archive, said):
    with pytest.raises(SwayError, match=said):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_that_is_there_is_replaced_or_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").symlink_to(tmp_path / "target")
    with pytest.raises(SwayError, match="cannot be written"):
        unpack(zipped({"a.json": b"{}"}), tmp_path / "out")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_is_told(tmp_path, method):
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", method) as packed:
        packed.writestr("a.json", b"abcdefgh" * 50)
    whole = bytearray(kept.getvalue())
    for at in range(38, 48):
        whole[at] ^= 0xFF
    with pytest.raises(SwayError, match="no sound archive"):
        unpack(bytes(whole), tmp_path / "out")
