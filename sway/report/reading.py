"""Reads a saved JSON report, which anybody may have written."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from sway.core.errors import SwayError
from sway.report.records import Report
from sway.suite.files import read_text

MAX_BYTES = 16 * 2**20
_MEND = "make one with: sway run SPEC --json PATH"


def read_report(path: Path) -> Report:
    """The report in a file.

    Raises:
        SwayError: the file is missing, too large, torn, or no report of a version that this release reads.
    """
    text = read_text(path, shown=str(path), limit=MAX_BYTES, role="report")
    try:
        return Report.model_validate_json(text, strict=True)
    except ValidationError as fault:
        raise SwayError(_why(fault), where=str(path), mend=_MEND) from None


def _why(fault: ValidationError) -> str:
    """The first thing that is wrong, in a line."""
    first, count = fault.errors(include_url=False, include_input=False)[0], fault.error_count()
    if first["type"] == "json_invalid":
        return f"is not a whole JSON report: {first['ctx']['error']}"
    if first["loc"] == ("schema_version",):
        return "is not a sway report of schema version 1"
    place = ".".join(map(str, first["loc"]))
    more = f", and {count - 1} more" if count > 1 else ""
    return f"is not a sway report: {place}: {first['msg']}{more}"
