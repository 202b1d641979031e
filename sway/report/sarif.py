"""The report as SARIF 2.1.0: one result a probe that did not hold, at its own line of the spec."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from sway.core.text import visible
from sway.core.verdicts import Verdict
from sway.report.encode import quiet_json
from sway.report.summary import Row, Summary

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Verdict.FAIL: "error", Verdict.ERROR: "error", Verdict.WARN: "warning"}
MOST_TEXT = 1000


def sarif(summary: Summary) -> str:
    """The report as indented JSON. A probe that is not required is at most a note."""
    rows = [row for row in summary.rows if row.verdict in LEVELS]
    kinds = list(dict.fromkeys(row.kind for row in rows))
    driver = {
        "name": "sway",
        "version": visible(summary.version, 100) or "unknown",
        "rules": [_rule(next(row for row in rows if row.kind == kind)) for kind in kinds],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(summary, row, kinds.index(row.kind)) for row in rows],
        "properties": {"verdict": str(summary.verdict), "exitCode": summary.exit_code, "score": summary.overall},
    }
    return quiet_json(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)) + "\n"


def _rule(row: Row) -> dict[str, Any]:
    kind = visible(row.kind, MOST_TEXT)
    return {
        "id": kind or "probe",
        "shortDescription": {"text": row.question or kind or "probe"},
        "properties": {"category": str(row.category)},
    }


def _result(summary: Summary, row: Row, rule: int) -> dict[str, Any]:
    said = "\n".join([f"{row.name}: {row.message}", *(advice.do for advice in row.advice)])
    place = {"artifactLocation": {"uri": relative(summary.spec), "uriBaseId": "%SRCROOT%"}}
    region = {"region": {"startLine": row.line}} if row.line else {}
    return {
        "ruleId": visible(row.kind, MOST_TEXT) or "probe",
        "ruleIndex": rule,
        "level": LEVELS[row.verdict] if row.required else "note",
        "message": {"text": visible(said, MOST_TEXT)},
        "locations": [{"physicalLocation": {**place, **region}}],
        "partialFingerprints": {"probe/v1": sha256(f"{summary.spec}\0{row.name}".encode()).hexdigest()},
    }


def relative(path: str) -> str:
    """A path as a relative URI; of one that leads elsewhere its last part, as code scanning takes no other.

    >>> relative("a b/sway.yaml"), relative("/srv/x/sway.yaml"), relative("../sway.yaml")
    ('a%20b/sway.yaml', 'sway.yaml', 'sway.yaml')
    """
    return quote(relative_path(path))


def relative_path(path: str) -> str:
    """A path as it is in the repository; of one that leads elsewhere its last part."""
    pure = PurePath(visible(path, MOST_TEXT).replace("\\", "/"))
    inside = not pure.is_absolute() and ".." not in pure.parts
    return (pure.as_posix() if inside else pure.name) or "sway.yaml"
