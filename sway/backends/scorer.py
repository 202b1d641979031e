"""A backend as two models to score text with: what callers outside a suite ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sway.core.errors import BackendError
from sway.core.requests import Failure, SpanLogprob
from sway.core.views import BASE, TUNED, View

if TYPE_CHECKING:
    from sway.backends.interface import Answered


class _Answers(Protocol):
    def answer(self, requests: Sequence[Any]) -> Iterator[Answered]: ...


@dataclass(frozen=True)
class ScoringView:
    """One view of a backend, as a model that scores."""

    backend: _Answers
    view: View

    def logprob_of(self, prompt: str, completion: str) -> float:
        """The log-probability of `completion` after `prompt`, in nats.

        Raises:
            BackendError: it cannot be scored.
        """
        (found,) = self.backend.answer([SpanLogprob(self.view, prompt, completion)])
        if isinstance(found.answer, Failure):
            raise BackendError(found.answer.reason)
        return float(found.answer.logprobs.sum())  # type: ignore[union-attr]  # a score is what was asked for


class Scores:
    """Gives a backend `as_base` and `as_finetuned`. Both views are always at hand: entering costs nothing."""

    @contextmanager
    def as_base(self: _Answers) -> Iterator[ScoringView]:
        """The base model."""
        yield ScoringView(self, BASE)

    @contextmanager
    def as_finetuned(self: _Answers) -> Iterator[ScoringView]:
        """The model with the adapter."""
        yield ScoringView(self, TUNED)
