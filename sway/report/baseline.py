"""Reads a JSON report that somebody else wrote, for comparison: only what that needs, and nothing on trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sway.core.errors import SwayError
from sway.core.measurement import Category, Claim
from sway.core.results import Asked, Digests, ProbeResult
from sway.core.verdicts import Verdict
from sway.engine.compare import Side
from sway.suite.files import read_text

MAX_BYTES = 16 << 20
MAX_SAMPLES = 100_000
_MEND = "give a report that sway run or gate wrote with --json"

Number = Annotated[float, Field(ge=-1e30, le=1e30, allow_inf_nan=False)]
Numbers = Annotated[tuple[Number, ...], Field(max_length=MAX_SAMPLES)]
Keys = Annotated[tuple[str, ...], Field(max_length=MAX_SAMPLES)]
Short = Annotated[str, Field(max_length=4000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Digests(_Part):
    base: str = ""
    adapter: str = ""
    suite: str = ""


class _Nulls(_Part):
    n: int
    family: Short


class _Score(_Part):
    overall: Number | None = None


class _Probe(_Part):
    """What a comparison takes of a probe. A field that older reports lack has a default."""

    name: Short
    kind: Short
    category: Category
    verdict: Verdict
    claim: Claim = Claim.DIAGNOSTIC
    better: Literal["higher", "lower"] = "higher"
    required: bool = True
    message: str = ""
    raw: Number | None = None
    unit: Short = ""
    measures: Short = ""
    bar: Number | None = None
    samples: Numbers = ()
    sample_keys: Keys = ()
    reference: Numbers = ()
    reference_keys: Keys = ()
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for values, keys in ((self.samples, self.sample_keys), (self.reference, self.reference_keys)):
            if keys and len(keys) != len(values):
                raise ValueError(f"{self.name[:80]}: {len(values)} samples but {len(keys)} keys")
            if len(set(keys)) != len(keys):
                raise ValueError(f"{self.name[:80]}: a key stands for two samples")
        return self

    def result(self) -> ProbeResult:
        """The probe as a run would give it, as far as it is known."""
        same = {"name", "kind", "category", "verdict", "claim", "better", "required", "message", "raw", "unit"}
        known = {name: getattr(self, name) for name in (*same, "measures", "bar", "samples")}
        return ProbeResult(**known, asked=Asked(self.sample_keys, self.reference, self.reference_keys, self.settings))


class _Report(_Part):
    schema_version: Literal[1]
    sway_version: Short
    base_model_id: Short
    adapter_id: Short
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    digests: _Digests = _Digests()
    score: _Score = _Score()
    backend_stats: dict[str, Any] = Field(default_factory=dict)
    null_stats: dict[str, Any] = Field(default_factory=dict)
    probes: Annotated[tuple[_Probe, ...], Field(max_length=10_000)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if len({p.name for p in self.probes}) != len(self.probes):
            raise ValueError("two probes have one name")
        return self


def read_side(path: Path) -> Side:
    """A report as one side of a comparison.

    Raises:
        SwayError: it cannot be read, is no report of sway's, or of another version of the schema.
    """
    report = _read(path)
    device, dtype = (str(report.backend_stats.get(k) or "") for k in ("device", "dtype"))
    return Side(
        name=str(path),
        sway_version=report.sway_version,
        base=report.base_model_id,
        adapter=report.adapter_id,
        alpha=report.alpha,
        probes=tuple(p.result() for p in report.probes),
        digests=Digests(report.digests.base, report.digests.adapter, report.digests.suite),
        numerics=f"{device} {dtype}".strip(),
        nulls={name: _nulls(found) for name, found in report.null_stats.items()},
        overall=report.score.overall,
    )


def _nulls(found: Any) -> str:
    try:
        nulls = _Nulls.model_validate(found)
    except ValidationError:
        return ""
    return f"{nulls.n} {nulls.family}"


def _read(path: Path) -> _Report:
    where = str(path)
    text = read_text(path, shown=where, limit=MAX_BYTES, role="report")
    try:
        data = json.loads(text, parse_constant=_refuse)
        if isinstance(data, dict) and data.get("schema_version", 1) != 1:
            what = f"is of schema version {str(data['schema_version'])[:20]}, and this release reads version 1"
            raise SwayError(what, where=where, mend="write it again with this version of sway")
        return _Report.model_validate(data)
    except ValidationError as fault:
        first = fault.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        what = f"is not a report of sway's: {at + ': ' if at else ''}{first['msg']}"
    except RecursionError:
        what = "is nested too deeply for a report"
    except ValueError as fault:
        what = f"is not the JSON of a report: {fault}"
    raise SwayError(what, where=where, mend=_MEND)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not strict JSON")
