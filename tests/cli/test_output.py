import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sway.cli.output import check_target, write_atomically
from sway.core.errors import SwayError
from tests.cli.conftest import ROOT


@pytest.fixture
def spec(adapter: Path) -> Path:
    """A suite that reads files alone, of which there are none."""
    models = {"base": {"base": "org/model"}, "ft": {"base": "org/model", "adapter": str(adapter)}}
    suite = [{"name": "::error::ghost", "kind": "gradient_ghost"}]
    path = adapter.parent / "sway.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "models": models, "suite": suite}))
    return path


def targets(spec: Path) -> dict[str, Path]:
    (spec.parent / "same.json").symlink_to(spec)
    return {
        "folder": spec.parent,
        "no such folder": spec.parent / "nowhere" / "r.json",
        "under a file": spec / "r.json",
        "the spec": spec,
        "a link to the spec": spec.parent / "same.json",
        "long": Path("x" * 5000),
        "loop": loop(spec.parent),
    }


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


@pytest.mark.parametrize("command", ["run", "gate"])
@pytest.mark.parametrize(
    "name", ["folder", "no such folder", "under a file", "the spec", "a link to the spec", "long", "loop"]
)
def test_a_report_that_cannot_be_written_is_refused_before_the_work(call, spec, command, name):
    before = spec.read_bytes()
    code, out, err = call(command, spec, "--json", targets(spec)[name])
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert spec.read_bytes() == before


def test_the_report_replaces_a_file_whole_and_leaves_no_other(call, spec):
    report = spec.parent / "out" / "r.json"
    report.parent.mkdir()
    report.write_text("old")
    assert call("gate", spec, "--json", report).code == 3
    assert report.read_text().startswith("{")
    assert list(report.parent.iterdir()) == [report]


def test_a_link_to_a_report_stays_a_link(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "there.json")
    check_target(tmp_path / "link.json")
    write_atomically(tmp_path / "link.json", "{}")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "there.json").read_text() == "{}"


def test_a_device_or_pipe_is_written_to_and_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_target(pipe)
        write_atomically(pipe, "{}")
        assert os.read(reader, 10) == b"{}"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_write_that_fails_leaves_the_file_as_it_is(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(SwayError, match="cannot be written"):
        write_atomically(tmp_path / "nowhere" / "r.json", "{}")


def test_a_threshold_that_no_score_is_below_is_refused(call, spec):
    for bad in ("nan", "-0.1", "1.1", "x"):
        code, _, err = call("gate", spec, "--threshold", bad)
        assert (code, err.count("\n")) == (2, 1)
    assert call("gate", spec, "--threshold", "1").code == 3


def test_a_dry_run_tells_of_bad_weights_and_shows_names_harmlessly(call, spec):
    for bad in ("zork=1", "ablation=nan", "ablation=-1"):
        assert call("run", spec, "--dry-run", "--weights", bad).code == 2
    code, out, _ = call("run", spec, "--dry-run")
    assert code == 0
    assert "::" not in out


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "1>/dev/full"])
def test_output_that_goes_nowhere_loses_no_report_and_no_exit_code(spec, closed):
    report = spec.parent / "r.json"
    line = f'"{sys.executable}" -m sway gate "{spec}" --json "{report}" {closed}'
    assert subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, capture_output=True, check=False).returncode == 3
    assert json.loads(report.read_text())["gate"]["exit_code"] == 3


def test_a_closed_output_does_not_change_a_pass(spec):
    line = f'"{sys.executable}" -m sway run "{spec}" 1>&- 2>&-'
    assert subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, check=False).returncode == 0
