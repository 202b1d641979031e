"""A backend without a model, for tests: answers are hashes of the question, moved by a set effect.

The base view's answers depend on the question alone. A trained view moves each logit by `scale * effect`
times a hash of the prompt and token; a null moves them by `scale * noise` times its own hash. Texts are words.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sway.backends.interface import Answered, Identity
from sway.backends.scorer import Scores
from sway.core.model import ModelSpec
from sway.core.requests import (
    After,
    Answer,
    Chat,
    Failure,
    FloatArray,
    Generated,
    Generation,
    NextToken,
    Prompt,
    Request,
    RollingLogprob,
    SpanLogprob,
    SpanScore,
    TokenDist,
)
from sway.core.results import BackendStats, Cost, Determinism, DeterminismReport
from sway.core.views import View

_VOCABULARY = tuple(f"word{i}" for i in range(512))


class DummyBackend(Scores):
    """Deterministic answers on a vocabulary of 512 words, without torch.

    `effect` is how far the trained adapter moves a logit (standard deviations), `noise` how far a null does.
    """

    def __init__(self, base: ModelSpec, tuned: ModelSpec, *, effect: float = 1.0, noise: float = 0.3) -> None:
        self.ids = (base.base, tuned.adapter or "")
        self.effect, self.noise = effect, noise
        self._requests = 0

    def identity(self) -> Identity:
        """The names in the spec; no digests, since there are no weights."""
        return Identity(*self.ids)

    def refusal(self, request: Request[Any]) -> str | None:
        """None: every request has an answer."""
        return None

    def preflight(self) -> None:
        """Nothing can be non-finite here."""

    def determinism(self, seed: int) -> DeterminismReport:
        """Answers are hashes."""
        return DeterminismReport(Determinism.STRICT, seed)

    def stats(self) -> BackendStats:
        """Counts requests only."""
        return BackendStats(requests=self._requests, device="none", dtype="float64")

    def close(self) -> None:
        """Nothing is held."""

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer in the order asked."""
        for request in requests:
            start = time.perf_counter()
            self._requests += 1
            yield Answered(request, self._answer(request), Cost(time.perf_counter() - start))

    def _answer(self, request: Request[Any]) -> Answer | Failure:
        if isinstance(request, NextToken):
            return self._next(request) if _text(request.prompt) else Failure("the prompt is empty")
        if isinstance(request, SpanLogprob):
            return self._span(request.view, _text(request.prompt), request.completion)
        if isinstance(request, RollingLogprob):
            return self._span(request.view, "", request.text)
        if isinstance(request, Generation):
            return self._generate(request)
        return Failure(f"{type(request).__name__} is not a question it knows")

    def _logprobs(self, view: View, context: str) -> FloatArray:
        """Log-probabilities (512,) of the next word."""
        logits = 2.0 * _normal(context)
        if not view.is_base:
            source = view.null.key if view.null else "tuned"
            size = self.noise * view.null.rank_multiplier**0.5 if view.null else self.effect
            logits = logits + view.scale * size * _normal(f"{source}\0{context}")
        return np.asarray(logits - np.logaddexp.reduce(logits), dtype=np.float64)

    def _next(self, request: NextToken) -> TokenDist:
        text = _text(request.prompt)
        ids = np.argsort(-self._logprobs(View(0.0), text), kind="stable")[: request.top_k].astype(np.int64)
        logprobs = self._logprobs(request.view, text)
        rest = np.delete(logprobs, ids)
        other = float(np.logaddexp.reduce(rest)) if rest.size else float("-inf")
        top = tuple((_VOCABULARY[i], float(logprobs[i])) for i in np.argsort(-logprobs, kind="stable")[:5])
        return TokenDist(ids, logprobs[ids], other, top)

    def _span(self, view: View, prompt: str, completion: str) -> SpanScore | Failure:
        words = completion.split()
        if not words:
            return Failure("the completion is empty")
        rows = [self._logprobs(view, " ".join([prompt, *words[:i]])) for i in range(len(words))]
        wanted = [_word_id(word) for word in words]
        scores = np.array([row[i] for row, i in zip(rows, wanted, strict=True)])
        greedy = np.array([int(row.argmax()) == i for row, i in zip(rows, wanted, strict=True)])
        return SpanScore(scores, greedy)

    def _generate(self, request: Generation) -> Generated:
        text, words = _text(request.prompt), list[str]()
        stream = np.random.default_rng(request.seed)
        for _ in range(request.max_new_tokens):
            logprobs = self._logprobs(request.view, " ".join([text, *words]))
            noise = request.temperature * stream.gumbel(size=logprobs.size)
            words.append(_VOCABULARY[int((logprobs + noise).argmax())])
        return Generated(" ".join(words), len(words), finished=False)


def _text(prompt: Prompt) -> str:
    if isinstance(prompt, After):
        words = prompt.context.split()[: prompt.tokens]
        return _text(prompt.opened_by(" ".join(words) + "\n\n" if words else ""))
    return "\n".join(m.content for m in prompt.messages) if isinstance(prompt, Chat) else prompt


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _word_id(word: str) -> int:
    return _VOCABULARY.index(word) if word in _VOCABULARY else _digest(word) % len(_VOCABULARY)


def _normal(name: str) -> FloatArray:
    return np.random.default_rng(_digest(name)).standard_normal(len(_VOCABULARY))
