"""The backend of kind hf: a transformers model, a peft adapter, and every view of the two in one batch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sway.backends.adapter import Adapter, check_effect, check_finite, read_adapter
from sway.backends.files import base_folder, content_digest
from sway.backends.hf.budget import Budget
from sway.backends.hf.check import WORKSPACE, can_pack, can_write, check_reading, check_rows, make_deterministic
from sway.backends.hf.generate import Line
from sway.backends.hf.intake import Rows, line_of, row_of
from sway.backends.hf.load import Loaded, end_tokens, load, set_threads, token_limit
from sway.backends.hf.lora import Views
from sway.backends.hf.plan import Plan
from sway.backends.hf.runner import Runner
from sway.backends.hf.score import Scorer
from sway.backends.hf.spent import Spent
from sway.backends.hf.text import Text
from sway.backends.hf.work import Work
from sway.backends.interface import Answered, Identity
from sway.backends.scorer import Scores
from sway.backends.shapes import check_fit
from sway.backends.shelf import Shelf
from sway.core.errors import BackendError, PreflightError, RequestError
from sway.core.model import ModelSpec
from sway.core.requests import (
    Answer,
    Chat,
    Failure,
    Generation,
    NextToken,
    Request,
    RollingLogprob,
    SpanLogprob,
    TokenDist,
)
from sway.core.results import BackendStats, DeterminismReport
from sway.core.trace import Tracer
from sway.core.views import BASE, TUNED

_SAMPLE = "The quick brown fox jumps over the lazy dog, and then it rests under a tree."


class HFBackend(Scores):
    """Answers requests with one model, or with a second untouched copy for the base view. Use `load` to make one."""

    def __init__(
        self, loaded: Sequence[Loaded], adapter: Adapter, base_name: str, threads: int, revision: str | None = None
    ) -> None:
        """`loaded` holds the model that gets the adapter and, where it has two, the copy for the base view."""
        self.adapter, self.base_name, self.threads = adapter, base_name, threads
        self.revision = revision
        self.device, self.dtype = loaded[0].device, loaded[0].dtype
        self.load_seconds = sum(each.seconds for each in loaded)
        tokenizer, model = loaded[0].tokenizer, loaded[0].model
        self.text = Text(tokenizer, token_limit(model.config))
        plan = Plan()
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.views = Views(model, adapter, plan, base_name)
        tuned = Runner(model, plan, self.views, pad)
        self.runners = [tuned, *(Runner(other.model, Plan(), None, pad) for other in loaded[1:])]
        self.scorer = Scorer(self.text)
        self.ends = end_tokens(model, tokenizer)
        self.budget = Budget.of(model, self.device)
        self._spent = Spent([runner.cost for runner in self.runners])
        sample = self.text.prompt(_SAMPLE)
        for runner in self.runners:
            runner.packs = can_pack(runner, sample, loaded[0].dtype)
            check_reading(runner, sample, loaded[0].dtype)
        self.exact = check_rows(tuned, sample, loaded[0].dtype)
        self.writes = can_write(tuned, sample, loaded[0].dtype)

    @classmethod
    def load(
        cls,
        base: ModelSpec,
        tuned: ModelSpec,
        *,
        differential: bool,
        threads: int | None,
        shelf: Shelf[Loaded] | None = None,
    ) -> HFBackend:
        """Read the adapter, check that it fits, then load the model. See `sway.backends.build` for the errors."""
        if not tuned.adapter:
            raise BackendError("no adapter is given", where="models.ft.adapter", mend="name the adapter's folder")
        if differential and tuned.base != base.base:
            mend = "give both the same base, or set defaults.differential: false"
            raise BackendError(f"the bases differ: {base.base} and {tuned.base}", where="models", mend=mend)
        adapter = read_adapter(Path(tuned.adapter))
        check_finite(adapter)
        check_effect(adapter)
        check_fit(adapter, tuned.base, tuned.revision)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)  # read when CUDA starts
        count = set_threads(threads)
        if shelf and differential:
            return cls._on_shelf(shelf, tuned, adapter, count)
        loaded = [load(tuned)] if differential else [load(tuned), load(base)]
        sizes = {each.model.get_output_embeddings().weight.shape[0] for each in loaded[1:]}
        if sizes - {loaded[0].model.get_output_embeddings().weight.shape[0]}:
            raise BackendError(
                "the two bases have different vocabularies", where="models", mend="give both the same base"
            )
        return cls(loaded, adapter, tuned.base, count, tuned.revision)

    @classmethod
    def _on_shelf(cls, shelf: Shelf[Loaded], tuned: ModelSpec, adapter: Adapter, threads: int) -> HFBackend:
        loaded, there = shelf.take(tuned, load)
        try:
            held = replace(loaded, seconds=0.0) if there else loaded
            return cls([held], adapter, tuned.base, threads, tuned.revision)
        except BaseException:
            shelf.clear()  # an adapter that was put on by half would show in the next one's answers
            raise

    def identity(self) -> Identity:
        """The base's name and the adapter's folder, with digests of their content."""
        folder = base_folder(self.base_name, self.revision)
        digest = content_digest(folder) if folder else ""
        return Identity(self.base_name, str(self.adapter.folder), digest, self.adapter.digest, self.text.day)

    def refusal(self, request: Request[Any]) -> str | None:
        """A reason for nulls of an adapter that has none, for unknown kinds, and for generation where it is unsafe."""
        if request.view.null is not None and self.views.null_fault:
            return self.views.null_fault
        if not isinstance(request, NextToken | SpanLogprob | RollingLogprob | Generation):
            return f"{type(request).__name__} is not a question that this backend answers"
        if isinstance(request, Generation) and not self.writes:
            return "this architecture does not continue padded prompts, and generation is batched"
        prompt = getattr(request, "prompt", None)
        if isinstance(prompt, Chat) and prompt.required and not self.text.has_template:
            return "the model's tokenizer has no chat template (use an instruction-tuned base, or leave this probe out)"
        return None

    def preflight(self) -> None:
        """Ask the base and the tuned view for a next token. Raises `PreflightError` where it is not finite."""
        for found in self.answer([NextToken(BASE, _SAMPLE, 1), NextToken(TUNED, _SAMPLE, 1)]):
            if isinstance(found.answer, Failure):
                who = "base" if found.request.view.is_base else "tuned"
                mend = "check the weights, and dtype: fp16 overflows where bf16 and fp32 do not"
                raise PreflightError(f"the {who} model's output is not finite", where=self.base_name, mend=mend)

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer requests batch by batch, scoring first. Each is answered once; one that fails says why."""
        self._spent.requests += len(requests)
        self._spent.views |= {request.view.key for request in requests}
        rows, lines = Rows(), list[Line]()
        for request in requests:
            try:
                self._enter(request, rows, lines)
            except RequestError as error:
                yield Answered(request, Failure.of(error))
        rows.add_bases({ids: len(known) for ids, known in self.scorer.supports.items()})
        for runner in self.runners:
            runner.openings.start(self.budget.held // (2 * len(self.runners)))
        work = Work(self.runners, self.scorer, self.ends, self.budget, self._spent)
        yield from work.score(rows)
        yield from work.write(lines)

    def recall(self, found: Mapping[Request[Any], Answer | Failure]) -> None:
        """Take note of the base's likeliest tokens, so that it is not asked for them again."""
        for request, dist in found.items():
            if isinstance(request, NextToken) and isinstance(dist, TokenDist) and request.view.is_base:
                with contextlib.suppress(RequestError):
                    self.scorer.learn(self.text.prompt(request.prompt), dist.ids)

    def determinism(self, seed: int) -> DeterminismReport:
        """Seed and ask for determinism. On a CPU answers repeat on one host; on CUDA, on one kind of hardware."""
        return make_deterministic(seed, self.device, self.exact)

    def stats(self) -> BackendStats:
        """What has been spent since the model was loaded."""
        spent = self._spent
        return BackendStats(
            requests=spent.requests,
            batches=spent.batches,
            forward_passes=spent.forward_passes,
            rows=sum(each.rows for each in spent.passes),
            tokens=spent.tokens,
            seconds=spent.cost.seconds,
            cpu_seconds=spent.cost.cpu_seconds,
            load_seconds=self.load_seconds,
            views=len(spent.views),
            threads=self.threads,
            device=str(self.device),
            dtype=str(self.dtype).removeprefix("torch."),
        )

    def close(self) -> None:
        """Take the adapter off and release the models. What was spent can still be asked for."""
        for runner in self.runners:
            runner.close()
        self.runners = []
        self.views.close()
        del self.views
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _enter(self, request: Request[Any], rows: Rows, lines: list[Line]) -> None:
        """Turn a request into a row to score or a line to write. Raises `RequestError` if it cannot be answered."""
        refused = self.refusal(request)
        if refused:
            raise RequestError(refused)
        if isinstance(request, Generation):
            lines.append(Line(request, line_of(self.text, request)))
        else:
            rows.add(request.view, *row_of(self.text, request))

    def limited(self, memory: int | None) -> HFBackend:
        """The same, taking no more than `memory` bytes in all, as far as that can be."""
        self.budget = Budget.of(self.runners[0].model, self.device, memory)
        return self

    def traced(self, tracer: Tracer | None) -> HFBackend:
        """The same, telling of each batch from now on."""
        self._spent.tracer = tracer
        return self
