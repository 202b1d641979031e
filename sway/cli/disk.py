"""What an adapter's files tell, in well under a second: no spec, no model, no pydantic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sway.backends.adapter import Adapter, check_effect, check_finite, read_adapter
from sway.core.errors import SkipProbe, SwayError
from sway.core.exits import Exit
from sway.core.measurement import Measurement
from sway.core.verdicts import Verdict, by_checks
from sway.engine import words
from sway.probes import descent, undertraining

DIAGNOSTICS: dict[str, Callable[[Path], Measurement]] = {
    "gradient_ghost": undertraining.diagnose,
    "training_drift": descent.diagnose,
}


@dataclass(frozen=True)
class Diagnosis:
    """What one look at the files found."""

    name: str
    verdict: Verdict
    message: str


def inspect(folder: Path) -> Adapter:
    """Read an adapter whose weights are finite and can change something.

    Raises:
        AdapterError, PreflightError, NoOpError: they cannot be read, are not numbers, or do nothing.
    """
    adapter = read_adapter(folder)
    check_finite(adapter)
    check_effect(adapter)
    return adapter


def diagnose(adapter: Adapter) -> list[Diagnosis]:
    """What the weights and the traces of training tell."""
    traces = [_look(name, look, adapter.folder) for name, look in DIAGNOSTICS.items()]
    return [Diagnosis("weights", Verdict.PASS, _weights(adapter)), *traces]


def _weights(adapter: Adapter) -> str:
    sizes = sorted(update.norm for update in adapter.updates.values())
    ranks = sorted({update.a.shape[0] for update in adapter.updates.values()})
    parts = []
    if sizes:
        span = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {ranks[0]} to {ranks[-1]}"
        parts.append(f"{_count(len(sizes), 'module')} of {span}")
    if adapter.saved:
        parts.append(_count(len(adapter.saved), "saved module"))
    norms = f", update norms {words.number(sizes[0])} to {words.number(sizes[-1])}" if sizes else ""
    return f"{' and '.join(parts)}, all finite{norms}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("s" if n != 1 else "")


def _look(name: str, look: Callable[[Path], Measurement], folder: Path) -> Diagnosis:
    try:
        found = look(folder)
    except SkipProbe as why:
        return Diagnosis(name, Verdict.SKIP, str(why))
    except SwayError as fault:
        return Diagnosis(name, Verdict.ERROR, str(fault))
    return Diagnosis(name, by_checks(found.checks)[0], words.by_checks(found))


def exit_code(found: list[Diagnosis]) -> Exit:
    """1 if a diagnosis fails, 3 if one could not be made, else 0."""
    verdicts = {d.verdict for d in found}
    if Verdict.FAIL in verdicts:
        return Exit.GATE_FAILED
    return Exit.NO_VERDICT if Verdict.ERROR in verdicts else Exit.PASS
