"""A saved report may come from anywhere: it is a whole report of ours, or one line says why it is not."""

import json
from pathlib import Path

import pytest

from sway.core.errors import SwayError
from sway.report.formats import FORMATS
from sway.report.reading import MAX_BYTES, read_report
from tests.report.cases import CASES

WHOLE = FORMATS["json"](CASES["fail"])


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(WHOLE), **fields})


BAD = {
    "empty": ("", "not a whole JSON report"),
    "torn": (WHOLE[: len(WHOLE) // 2], "not a whole JSON report"),
    "a list": ("[]", "not a sway report"),
    "foreign": ('{"runs": []}', "not a sway report"),
    "a later version": (changed(schema_version=2), "schema version 1"),
    "another type": (changed(alpha="0.05"), "alpha"),
    "not finite": (changed().replace('"alpha": 0.05', '"alpha": NaN'), "alpha"),
    "an unknown key": (changed(extra=1), "extra"),
    "an unknown verdict": (WHOLE.replace('"verdict": "fail"', '"verdict": "fine"'), "verdict"),
    "a line that is none": (WHOLE.replace('"line": 11', '"line": 0'), "line"),
    "deep": ('{"probes":' + "[" * 100_000, "not a whole JSON report"),
    "not UTF-8": ("\udcff", "not UTF-8"),
    "a huge number": (changed(alpha=1).replace('"alpha": 1', '"alpha": 1' + "0" * 5000), "not a whole JSON report"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_report_is_refused_in_one_line(tmp_path, name):
    text, why = BAD[name]
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SwayError) as caught:
        read_report(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert why in line
    assert "\n" not in line
    assert len(line) < 1000


def test_a_report_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "report.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(SwayError, match="larger than"):
        read_report(path)


@pytest.mark.parametrize("path", [".", "nowhere.json", "x" * 5000, "a\0b"])
def test_a_path_that_leads_to_no_file_is_refused(path):
    with pytest.raises(SwayError):
        read_report(Path(path))


def test_evidence_with_numbers_that_are_none_is_read_as_null(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(WHOLE.replace('"steps": 12', '"steps": 1e999'))
    assert read_report(path).probes[5].evidence["steps"] is None


def test_a_report_from_before_lines_and_raw_nulls_is_read(tmp_path):
    older = json.loads(WHOLE)
    for probe in older["probes"]:
        del probe["line"]
    for null in older["null_stats"].values():
        del null["raw"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(older))
    assert "Against random adapters" in FORMATS["html"](CASES["fail"])
    assert "Against random adapters" not in FORMATS["html"](read_report(path))
