"""What a run yields: a result for each probe, a score, and what is needed to trust and repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sway.core.measurement import Category, Check, Claim
from sway.core.verdicts import Reason, Verdict
from sway.core.views import NullFamily


class Determinism(StrEnum):
    """How far a run repeats: bit for bit, on one host, or not guaranteed."""

    STRICT = "strict"
    BEST_EFFORT = "best_effort"
    LOOSE = "loose"


@dataclass(frozen=True)
class Interval:
    """A confidence interval and how it was made (`bootstrap`, or `t, few prompts`)."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class NullSummary:
    """How one statistic is distributed over null adapters. `raw` holds a value a null, in draw order."""

    n: int
    mean: float
    sd: float
    p95: float
    family: NullFamily
    raw: tuple[float, ...]
    degenerate: bool
    from_cache: int = 0


@dataclass(frozen=True)
class Asked:
    """What the samples were asked about, so that two runs can be paired.

    `keys` (n,) are digests, one a sample. `reference` (m,) and `reference_keys` are those of what the samples
    were contrasted with. `settings` are the parameters that the statistic depends on.
    """

    keys: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    reference_keys: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Digests:
    """SHA-256 of the base, of the adapter, and of the suite without its models; empty where unknown."""

    base: str = ""
    adapter: str = ""
    suite: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """One probe, judged. `ci_95` and `effect_vs_null` are absent where they cannot be formed.

    `line` is where it stands in the spec, for a spec that was read from a file.
    """

    name: str
    kind: str
    category: Category
    verdict: Verdict
    message: str
    reason: Reason = Reason.NOT_MEASURED
    claim: Claim = Claim.DIAGNOSTIC
    unit: str = ""
    measures: str = ""
    better: Literal["higher", "lower"] = "higher"
    required: bool = True
    weight: float = 1.0
    line: int | None = None
    score: float | None = None
    raw: float | None = None
    bar: float | None = None
    z_score: float | None = None
    p_value: float | None = None
    base_value: float | None = None
    ft_value: float | None = None
    ci_95: Interval | None = None
    samples: tuple[float, ...] = ()
    asked: Asked = Asked()
    null: NullSummary | None = None
    effect_vs_null: float | None = None
    z_by_rank: Mapping[str, float] = field(default_factory=dict)
    samples_needed: int | None = None
    checks: tuple[Check, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0


@dataclass(frozen=True)
class Score:
    """The composite: a weighted mean over the categories that were measured. `overall` is None if none was."""

    overall: float | None
    band: str
    components: Mapping[Category, float]
    weights: Mapping[Category, float]
    findings: tuple[str, ...]


@dataclass(frozen=True)
class DeterminismReport:
    """The class of repeatability that the run reached, with its seed and any caveat."""

    achieved: Determinism
    seed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What answers took: seconds by the clock, CPU-seconds, and (shares of) forward passes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    forward_passes: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.forward_passes + other.forward_passes,
        )

    def share(self, among: float) -> Cost:
        """An equal part of it, one of `among`."""
        return Cost(self.seconds / among, self.cpu_seconds / among, self.forward_passes / among)


NOTHING = Cost()


@dataclass(frozen=True)
class BackendStats:
    """What the answers cost. Tokens count padding; `requests` counts distinct questions.

    `by_probe` splits each question's cost evenly between the probes that asked it, nulls included.
    """

    requests: int = 0
    batches: int = 0
    forward_passes: int = 0
    rows: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    load_seconds: float = 0.0
    views: int = 0
    threads: int = 0
    device: str = ""
    dtype: str = ""
    by_probe: Mapping[str, Cost] = field(default_factory=dict)


@dataclass(frozen=True)
class SuiteResult:
    """A whole run."""

    sway_version: str
    spec_path: str
    base_model_id: str
    adapter_id: str
    started_at: datetime
    finished_at: datetime
    determinism: DeterminismReport
    backend: BackendStats | None
    score: Score
    probes: tuple[ProbeResult, ...]
    alpha: float
    omnibus_p: float | None = None
    notes: tuple[str, ...] = ()
    digests: Digests = Digests()
