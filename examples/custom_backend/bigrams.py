"""A backend of kind custom: a model of word pairs, and an adapter that favors some of them.

It shows all that a backend must do, on a model that fits on a page: put your own model in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sway.backends.interface import Answered, Identity
from sway.core.model import ModelSpec
from sway.core.requests import (
    Answer,
    Failure,
    Generated,
    Generation,
    NextToken,
    Request,
    RollingLogprob,
    SpanLogprob,
    SpanScore,
    TokenDist,
)
from sway.core.results import BackendStats, Determinism, DeterminismReport
from sway.core.views import BASE, NullDraw, View

Matrix = NDArray[np.float64]


class Bigrams:
    """The next word depends on the last: its count in the base text, moved by what the adapter adds in nats."""

    def __init__(self, base: ModelSpec, tuned: ModelSpec) -> None:
        """Called with the spec's two models: `base.base` holds text.txt, `tuned.adapter` boosts.json."""
        text = (Path(base.base) / "text.txt").read_text(encoding="utf-8")
        boosts = (Path(tuned.adapter or "") / "boosts.json").read_text(encoding="utf-8")
        self.words = sorted({*text.split(), *json.loads(boosts), *(w for b in json.loads(boosts).values() for w in b)})
        self.index = {word: i for i, word in enumerate(self.words)}
        counts = np.full((len(self.words), len(self.words)), 0.1)
        for before, after in zip(text.split(), text.split()[1:], strict=False):
            counts[self.index[before], self.index[after]] += 1
        self.base, self.effect = np.log(counts), np.zeros_like(counts)
        for before, row in json.loads(boosts).items():
            for after, nats in row.items():
                self.effect[self.index[before], self.index[after]] = nats
        digests = (hashlib.sha256(content.encode()).hexdigest() for content in (text, boosts))
        self.names = Identity(base.base, tuned.adapter or "", *digests)
        self.asked = 0

    def identity(self) -> Identity:
        """Names for people; digests of the content, under which sway keeps the nulls' numbers."""
        return self.names

    def refusal(self, request: Request[Any]) -> str | None:
        """What this can never answer, so that probes that need it are skipped: let through only what you know."""
        known = isinstance(request, NextToken | SpanLogprob | RollingLogprob | Generation)
        if known and (isinstance(request, RollingLogprob) or isinstance(request.prompt, str)):
            return None
        return "a model of word pairs takes plain text alone"

    def preflight(self) -> None:
        """Raise `PreflightError` where an answer would not be finite."""

    def determinism(self, seed: int) -> DeterminismReport:
        """Seed what is random. Here nothing is."""
        return DeterminismReport(Determinism.STRICT, seed)

    def stats(self) -> BackendStats:
        """What the answers have cost so far; device and dtype name what rounds the numbers."""
        return BackendStats(requests=self.asked, device="cpu", dtype="float64")

    def close(self) -> None:
        """Release what is held."""

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Every request once, in any order; batch them as suits your model."""
        for request in requests:
            self.asked += 1
            try:
                yield Answered(request, self._answer(request))
            except KeyError as unknown:
                yield Answered(request, Failure(f"the word {unknown} is not one it knows"))

    def _answer(self, request: Request[Any]) -> Answer:
        match request:
            case NextToken():
                return self._next(request)
            case SpanLogprob():
                return self._score(request.view, request.prompt.split(), request.completion.split())
            case RollingLogprob():
                words = request.text.split()
                return self._score(request.view, words[:1], words[1:])
            case _:
                return self._write(request)

    def _logprobs(self, view: View) -> Matrix:
        """Log-probabilities (words, words) of a view: base, plus `scale` times the adapter's effect or a null's."""
        effect = self._null(view.null) if view.null else self.effect
        logits = self.base + view.scale * effect
        return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)

    def _null(self, draw: NullDraw) -> Matrix:
        """A random effect of the trained one's size: the same boosts on other pairs. Equal draws, equal effects."""
        seed = int.from_bytes(hashlib.sha256(draw.key.encode()).digest()[:8], "little")
        moved = np.random.default_rng(seed).permutation(self.effect.ravel()).reshape(self.effect.shape)
        return moved * draw.rank_multiplier**0.5

    def _next(self, request: NextToken) -> TokenDist:
        """On the tokens that the base finds likeliest, for every view, and one bucket for all the others."""
        row = self.index[request.prompt.split()[-1]]
        ids = np.argsort(-self._logprobs(BASE)[row], kind="stable")[: request.top_k]
        logprobs = self._logprobs(request.view)[row]
        others = np.delete(logprobs, ids)
        other = float(np.logaddexp.reduce(others)) if others.size else float("-inf")
        top = tuple((self.words[i], float(logprobs[i])) for i in np.argsort(-logprobs, kind="stable")[:5])
        return TokenDist(ids, logprobs[ids], other, top)

    def _score(self, view: View, before: list[str], words: list[str]) -> SpanScore:
        rows = self._logprobs(view)[[self.index[w] for w in [*before[-1:], *words[:-1]]]]
        wanted = [self.index[word] for word in words]
        return SpanScore(rows[np.arange(len(words)), wanted], rows.argmax(axis=1) == wanted)

    def _write(self, request: Generation) -> Generated:
        words, table = request.prompt.split()[-1:], self._logprobs(request.view)
        stream = np.random.default_rng(request.seed)
        for _ in range(request.max_new_tokens):
            noise = request.temperature * stream.gumbel(size=len(self.words))
            words.append(self.words[int((table[self.index[words[-1]]] + noise).argmax())])
        return Generated(" ".join(words[1:]), len(words) - 1, finished=False)
