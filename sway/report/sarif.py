"""The report as SARIF 2.1.0: a result a probe that did not hold, at its line of the spec, and one of a closed gate."""

from __future__ import annotations

import json
import re
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
GATE = "gate"
"""The rule of a closed gate: what closed it need not be a probe."""


def sarif(summary: Summary) -> str:
    """The report as indented JSON. A probe that is not required is at most a note."""
    rows = [row for row in summary.rows if row.verdict in LEVELS]
    kinds = list(dict.fromkeys(row.kind for row in rows))
    driver: dict[str, Any] = {
        "name": "sway",
        "version": visible(summary.version, 100) or "unknown",
        "rules": [_rule(next(row for row in rows if row.kind == kind)) for kind in kinds],
    }
    results = [_result(summary, row, kinds.index(row.kind)) for row in rows]
    if summary.closed:
        driver["rules"].append({"id": GATE, "shortDescription": {"text": "Is the adapter safe to merge?"}})
        results.append(_closed(summary, len(kinds)))
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {"verdict": str(summary.verdict), "exitCode": summary.exit_code, "score": summary.overall},
    }
    return quiet_json(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)) + "\n"


def _rule(row: Row) -> dict[str, Any]:
    kind = visible(row.kind, MOST_TEXT)
    return {
        "id": kind or "probe",
        "shortDescription": {"text": row.question or _plain(row.kind) or "probe"},
        "properties": {"category": str(row.category)},
    }


def _result(summary: Summary, row: Row, rule: int) -> dict[str, Any]:
    said = "\n".join([f"{row.name}: {row.message}", *(advice.do for advice in row.advice)])
    region = {"region": {"startLine": row.line}} if row.line else {}
    return {
        "ruleId": visible(row.kind, MOST_TEXT) or "probe",
        "ruleIndex": rule,
        "level": LEVELS[row.verdict] if row.required else "note",
        "message": {"text": _plain(said)},
        "locations": [{"physicalLocation": {**_spec(summary), **region}}],
        "partialFingerprints": {"probe/v1": sha256(f"{summary.spec}\0{row.name}".encode()).hexdigest()},
    }


def _closed(summary: Summary, rule: int) -> dict[str, Any]:
    return {
        "ruleId": GATE,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": _plain(summary.gate or summary.headline)},
        "locations": [{"physicalLocation": _spec(summary)}],
        "partialFingerprints": {"gate/v1": sha256(summary.spec.encode()).hexdigest()},
    }


def _spec(summary: Summary) -> dict[str, Any]:
    return {"artifactLocation": {"uri": relative(summary.spec), "uriBaseId": "%SRCROOT%"}}


def _plain(text: str) -> str:
    """A message that holds no embedded link (SARIF 2.1.0, section 3.11.6), cut before it is escaped."""
    return re.sub(r"[\[\]\\]", r"\\\g<0>", visible(text, MOST_TEXT))


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
