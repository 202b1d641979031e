"""Answers requests with a model that mlx-lm runs: view by view, one sequence at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sway.backends.adapter import Adapter, check_effect, check_finite, read_adapter
from sway.backends.files import base_folder, content_digest
from sway.backends.hf.text import Text
from sway.backends.interface import Answered, Identity
from sway.backends.mlx.convert import converted
from sway.backends.shapes import check_fit
from sway.backends.tensors import Array
from sway.core.errors import BackendError, PreflightError, RequestError
from sway.core.model import ModelSpec
from sway.core.requests import (
    Answer,
    Chat,
    Failure,
    FloatArray,
    Generated,
    Generation,
    NextToken,
    Request,
    RollingLogprob,
    SpanLogprob,
    SpanScore,
    TokenDist,
)
from sway.core.results import BackendStats, Cost, Determinism, DeterminismReport
from sway.core.views import BASE, TUNED

_SAMPLE = "The quick brown fox jumps over the lazy dog."


class MLXBackend:
    """Base, tuned, partial strengths and nulls of one adapter. Use `load` to make one."""

    def __init__(
        self,
        model: Any,
        text: Text,
        ends: frozenset[int],
        adapter: Adapter,
        base_name: str,
        revision: str | None = None,
    ) -> None:
        """`model` has `logits(ids, view)`, `writer(view)`, `device` and `dtype`; `ends` are the ids that end a text."""
        self.model, self.text, self.ends, self.adapter = model, text, ends, adapter
        self.base_name, self.revision = base_name, revision
        self._supports: dict[tuple[int, ...], FloatArray] = {}
        self._stats = BackendStats(device=model.device, dtype=model.dtype)

    @classmethod
    def load(cls, base: ModelSpec, tuned: ModelSpec, *, differential: bool) -> MLXBackend:
        """Convert the adapter, unless it is in the cache, and load both. See `sway.backends.build` for the errors."""
        if not tuned.adapter:
            raise BackendError("no adapter is given", where="models.ft.adapter", mend="name the adapter's folder")
        if not differential or base.base != tuned.base:
            mend = "give both the same base, and leave defaults.differential true"
            raise BackendError("mlx serves both views from one model", where="models", mend=mend)
        adapter = read_adapter(Path(tuned.adapter))
        check_finite(adapter)
        check_effect(adapter)
        check_fit(adapter, tuned.base, tuned.revision)
        folder = converted(Path(tuned.adapter))
        from sway.backends.mlx.model import Model

        start = time.perf_counter()
        model = Model(tuned, adapter, folder)
        tokenizer = _tokenizer(tuned)
        limit = model.config.get("max_position_embeddings")
        ends = model.config.get("eos_token_id")
        known = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        made = cls(model, Text(tokenizer, limit), frozenset(known), adapter, tuned.base, tuned.revision)
        made._stats = replace(made._stats, load_seconds=time.perf_counter() - start)
        return made

    def identity(self) -> Identity:
        """The base's name and the adapter's folder, with digests of their content."""
        folder = base_folder(self.base_name, self.revision)
        digest = content_digest(folder) if folder else ""
        return Identity(self.base_name, str(self.adapter.folder), digest, self.adapter.digest, self.text.day)

    def refusal(self, request: Request[Any]) -> str | None:
        """A reason for unknown kinds, for sampling, and for a template that is required and not there."""
        if not isinstance(request, NextToken | SpanLogprob | RollingLogprob | Generation):
            return "a model of kind mlx does not answer such a question (use kind hf)"
        if isinstance(request, Generation) and request.temperature > 0:
            return "a model of kind mlx writes greedily only (use kind hf)"
        prompt = None if isinstance(request, RollingLogprob) else request.prompt
        if isinstance(prompt, Chat) and (prompt.required or prompt.tools) and not self.text.has_template:
            return "the tokenizer has no chat template"
        return None

    def preflight(self) -> None:
        """Ask the base and the tuned view for a next token. Raises `PreflightError` where it is not finite."""
        for found in self.answer([NextToken(BASE, _SAMPLE, 1), NextToken(TUNED, _SAMPLE, 1)]):
            if isinstance(found.answer, Failure):
                who = "base" if found.request.view.is_base else "tuned"
                mend = "check the weights, and dtype: fp16 overflows where bf16 and fp32 do not"
                raise PreflightError(f"the {who} model's output is not finite", where=self.base_name, mend=mend)

    def determinism(self, seed: int) -> DeterminismReport:
        """Nothing here is random; what mlx computes repeats on one machine as far as mlx does."""
        random.seed(seed)
        return DeterminismReport(Determinism.BEST_EFFORT, seed)

    def stats(self) -> BackendStats:
        """What has been spent since the model was loaded."""
        return self._stats

    def close(self) -> None:
        """Release the model."""
        self.model = None

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer view by view, since showing another one moves every layer."""
        for request in sorted(requests, key=lambda r: r.view.key):
            start = time.perf_counter()
            try:
                found: Answer | Failure = self._answer(request)
            except RequestError as fault:
                found = Failure.of(fault)
            seconds, s = time.perf_counter() - start, self._stats
            self._stats = replace(s, requests=s.requests + 1, seconds=s.seconds + seconds)
            yield Answered(request, found, Cost(seconds))

    def _answer(self, request: Request[Any]) -> Answer:
        if refused := self.refusal(request):
            raise RequestError(refused)
        match request:
            case NextToken():
                return self._next(request)
            case SpanLogprob():
                return self._score(request, *self.text.span(request.prompt, request.completion))
            case Generation():
                return self._write(request)
            case RollingLogprob():
                return self._score(request, self.text.rolling(request.text), 1)
        raise RequestError("it is no question of a kind that is known")

    def _logprobs(self, logits: Array) -> FloatArray:
        wide = logits.astype(np.float64)
        if not np.isfinite(wide).all():
            raise RequestError("the model's output is not finite")
        s = self._stats
        self._stats = replace(s, forward_passes=s.forward_passes + 1, rows=s.rows + 1, tokens=s.tokens + len(wide))
        return np.asarray(wide - np.logaddexp.reduce(wide, axis=-1, keepdims=True))

    def _next(self, request: NextToken) -> TokenDist:
        ids = self.text.prompt(request.prompt)
        if ids not in self._supports:
            self._supports[ids] = self._logprobs(self.model.logits(ids, BASE)[-1:])[0]
        base = self._supports[ids]
        logprobs = base if request.view.is_base else self._logprobs(self.model.logits(ids, request.view)[-1:])[0]
        support = np.argsort(-base, kind="stable")[: request.top_k].astype(np.int64)
        others = np.delete(logprobs, support)
        other = float(np.logaddexp.reduce(others)) if others.size else float("-inf")
        top = tuple((self.text.token(int(i)), float(logprobs[i])) for i in np.argsort(-logprobs, kind="stable")[:5])
        return TokenDist(support, logprobs[support], other, top)

    def _score(self, request: Request[Any], ids: tuple[int, ...], first: int) -> SpanScore:
        rows = self._logprobs(self.model.logits(ids[:-1], request.view)[first - 1 :])
        wanted = np.array(ids[first:])
        return SpanScore(rows[np.arange(len(wanted)), wanted], rows.argmax(axis=1) == wanted)

    def _write(self, request: Generation) -> Generated:
        ids, made = self.text.prompt(request.prompt), list[int]()
        self.text.check_length(len(ids) + request.max_new_tokens)
        ask, given = self.model.writer(request.view), ids
        while len(made) < request.max_new_tokens:
            token = int(self._logprobs(ask(given)[None])[0].argmax())
            if token in self.ends:
                return Generated(self.text.decode(made), len(made), True)
            made.append(token)
            given = (token,)
        return Generated(self.text.decode(made), len(made), False)


def _tokenizer(spec: ModelSpec) -> Any:
    """The base's tokenizer. Unless told whether to trust its code, transformers asks whoever is at the keyboard."""
    from transformers import AutoTokenizer

    folder = str(base_folder(spec.base, spec.revision))
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
    except Exception as error:  # a loader may raise anything; the user gets one line
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:200]
        trust = "set trust_remote_code: true if you trust the code that this model ships"
        mend = trust if "trust_remote_code" in str(error) else "check that the folder has the tokenizer's files"
        what = f"the tokenizer cannot be loaded: {type(error).__name__}: {reason}"
        raise BackendError(what, where=spec.base, mend=mend) from error
