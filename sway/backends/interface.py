"""What a backend is: something that answers requests about the views of one model and adapter.

A third party implements `Backend` and names the class in a spec's `entry_point`; nothing else is
needed. Backends know nothing of probes, nulls' purpose, or verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sway.core.requests import Answer, Failure, Request
from sway.core.results import NOTHING, BackendStats, Cost, DeterminismReport


@dataclass(frozen=True)
class Answered:
    """One request, its answer or why there is none, and its share of what was spent."""

    request: Request[Any]
    answer: Answer | Failure
    cost: Cost = NOTHING


@dataclass(frozen=True)
class Identity:
    """Whose answers these are. Digests are SHA-256 of the weights and settings; empty where unknown.

    `day` is the date, where it is part of what the model is asked: answers of another day are to other prompts.
    """

    base_id: str
    adapter_id: str
    base_digest: str = ""
    adapter_digest: str = ""
    day: str = ""


@runtime_checkable
class Recalling(Protocol):
    """A backend to which answers of the base that it need not give again are of use."""

    def recall(self, found: Mapping[Request[Any], Answer | Failure]) -> None:
        """Take note of what the base answered, in this run or an earlier one."""
        ...


@runtime_checkable
class Backend(Protocol):
    """Answers requests. All methods may raise `sway.core.errors.SwayError`."""

    def identity(self) -> Identity:
        """Names for people, digests for caches."""
        ...

    def refusal(self, request: Request[Any]) -> str | None:
        """Why this backend can never answer such a request, or None if it can."""
        ...

    def preflight(self) -> None:
        """Ask the base and tuned views one question; raise `PreflightError` on a non-finite answer."""
        ...

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer distinct requests, each exactly once, in any order; a request that fails yields a `Failure`."""
        ...

    def determinism(self, seed: int) -> DeterminismReport:
        """Seed every generator, ask for deterministic algorithms, and say what class was reached."""
        ...

    def stats(self) -> BackendStats:
        """What has been spent since the model was loaded."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...
