"""Null calibration: which random adapters to ask, and the statistics that they gave before.

The engine runs a calibrated probe again for every null, with the same prompts and the same maths.
What a null's statistic came to is kept on disk under the content that decides it, never a path.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from sway.backends.embed import embedder_digest
from sway.backends.interface import Identity
from sway.core.probe import Context, EmbeddingParams, Params, Probe
from sway.core.views import NullDraw, NullFamily
from sway.engine.stored import replace_file

FORMAT = 1
DEFAULT_RUNS, THOROUGH_RUNS = 19, 99


@dataclass(frozen=True)
class NullSettings:
    """How many nulls, of which family, for which probes (`kinds` empty: every calibrated one)."""

    runs: int = DEFAULT_RUNS
    seed: int = 1000
    family: NullFamily = NullFamily.MATCHED
    init_scale: float = 0.02
    rank_multipliers: tuple[float, ...] = (1.0,)
    kinds: frozenset[str] = frozenset()
    cache: bool = True

    def applies_to(self, probe: Probe) -> bool:
        """Whether this probe is calibrated in this run."""
        return probe.calibrated and self.runs > 0 and (not self.kinds or probe.kind in self.kinds)

    def draws(self) -> list[NullDraw]:
        """Every null to ask: `runs` of them at each rank multiplier."""
        return [
            NullDraw(self.seed, index, self.family, multiplier, self.init_scale)
            for multiplier in self.rank_multipliers
            for index in range(self.runs)
        ]


def cache_key(identity: Identity, numerics: str, probe: Probe, params: Params, context: Context) -> str | None:
    """SHA-256 of all that decides a null's statistic, or None where the model's content is unknown.

    The adapter's own digest starts the key, so that what belongs to one adapter can be found.
    `numerics` names what rounds the numbers: device, dtype, versions.
    """
    contents = [identity.base_digest, identity.adapter_digest]
    if isinstance(params, EmbeddingParams):
        contents.append(embedder_digest(params.embedding_model))
    if not all(contents):
        return None
    texts = [s.model_dump_json() for s in (*context.sections, *context.controls)]
    parts = [str(FORMAT), *contents, numerics, probe.kind]
    parts += [
        params.model_dump_json(exclude={"assert_z_gte", "embedding_model"}),
        str(context.seed),
        str(context.top_k),
        *texts,
    ]
    return f"{adapter_prefix(identity.adapter_digest)}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def adapter_prefix(digest: str) -> str:
    """What the key of every statistic for an adapter starts with."""
    return digest[:16]


class NullCache:
    """Statistics of nulls on disk: one JSON file a key. Anything unreadable counts as absent."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self, key: str | None) -> dict[str, float]:
        """Statistic by `NullDraw.key`."""
        if self.folder is None or key is None:
            return {}
        try:
            stored = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            raw = stored["raw"] if stored["format"] == FORMAT and stored["key"] == key else {}
            return {str(k): float(v) for k, v in raw.items() if math.isfinite(v)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return {}

    def write(self, key: str | None, raw: dict[str, float]) -> None:
        """Replace the file in one step; a cache that cannot be written is only slower."""
        if self.folder is None or key is None or not raw:
            return
        replace_file(self.folder / f"{key}.json", {"format": FORMAT, "key": key, "raw": raw})
