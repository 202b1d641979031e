"""Two model names on completions servers: the base, and the base with the adapter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from sway.backends.api.client import Rejected, Server
from sway.backends.api.scores import listed, next_token, span
from sway.backends.interface import Answered, Identity
from sway.core.errors import BackendError, RequestError
from sway.core.model import ModelSpec
from sway.core.requests import (
    After,
    Answer,
    Chat,
    Failure,
    Generated,
    Generation,
    NextToken,
    Request,
    RollingLogprob,
    SpanLogprob,
    SpanScore,
)
from sway.core.results import BackendStats, Cost, Determinism, DeterminismReport
from sway.core.views import BASE, TUNED, View

AT_ONCE = 8
_SIZES = (256, 100, 20, 5, 1)
"""How many likeliest tokens to ask for, in turn, until a server agrees: hosted ones list 5, others 20 or more."""
_SAMPLE = "The quick brown fox jumps over the lazy dog."
_NO_NULLS = (
    "a server holds no random adapters to compare with (to judge by fixed bounds alone, set enabled: false on the "
    "null_adapter entry; for calibrated verdicts use kind hf)"
)
_NO_STRENGTHS = "a server holds the adapter at full strength only (use kind hf)"
_NO_LISTS = "the server lists no likeliest next tokens (serve it with log-probabilities, or use kind hf)"
_NO_ECHO = "the server does not score given text: no echo with logprobs (serve it with vLLM, or use kind hf)"
_NO_TEMPLATE = "the completions API applies no chat template, so that nothing in a chat can be scored (use kind hf)"


@dataclass
class _Side:
    """One model on a server, and what was found of it: how many likeliest tokens it lists, whether it echoes."""

    server: Server
    model: str
    top: int = 0
    echo: bool = False
    known: dict[tuple[str, int], Future[dict[str, float]]] = field(default_factory=dict)


class ApiBackend:
    """Answers requests through a completions API. Use `connect` to make one."""

    def __init__(self, base: _Side, tuned: _Side) -> None:
        self.base, self.tuned = base, tuned
        self.top = min(base.top, tuned.top)
        self.echo = base.echo and tuned.echo
        self._stats = BackendStats(device="server", dtype="unknown")
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, "sway-api")

    @classmethod
    def connect(cls, base: ModelSpec, tuned: ModelSpec) -> ApiBackend:
        """Ask both models one question, and find out what can be asked of them.

        Raises:
            BackendError: a server cannot be asked, or both models are one.
        """
        sides = [_Side(_server(spec, side), spec.base) for spec, side in ((base, "base"), (tuned, "ft"))]
        if (sides[0].server.url, sides[0].model) == (sides[1].server.url, sides[1].model):
            mend = "give models.ft.base the name under which the server has the base with the adapter"
            raise BackendError("both models are one and the same", where="models.ft.base", mend=mend)
        try:
            for side in sides:
                _explore(side)
        except (RequestError, BackendError) as fault:
            for each in sides:
                each.server.close()
            if isinstance(fault, BackendError):
                raise
            raise BackendError(str(fault), where=side.server.url, mend="check that the server runs") from None
        return cls(*sides)

    def identity(self) -> Identity:
        """The models' names and servers. Their weights are unknown, so that nothing is kept between runs."""
        return Identity(*(f"{side.model} at {side.server.url}" for side in (self.base, self.tuned)))

    def refusal(self, request: Request[Any]) -> str | None:
        """Why the servers can never answer that; only what is known to be answered is let through."""
        if request.view.null is not None:
            return _NO_NULLS
        if request.view not in (BASE, TUNED):
            return _NO_STRENGTHS
        match request:
            case NextToken(prompt=str()):
                return None if self.top else _NO_LISTS
            case SpanLogprob(prompt=str()) | RollingLogprob():
                return None if self.echo else _NO_ECHO
            case Generation(prompt=str()) | Generation(prompt=Chat(tools="")):
                return None
            case NextToken(prompt=Chat()) | NextToken(prompt=After(prompt=Chat())) | SpanLogprob(prompt=Chat()):
                return _NO_TEMPLATE
        return "a completions server does not answer such a question (use kind hf)"

    def preflight(self) -> None:
        """Nothing: both models answered when they were connected to, and a number that is not finite is no JSON."""

    def determinism(self, seed: int) -> DeterminismReport:
        """What a server gives can change from call to call, and with it this run's numbers."""
        notes = ["a server answered, which may not repeat itself"]
        if 0 < self.top < _SIZES[0]:
            notes.append(f"next tokens by the {self.top} likeliest that the servers list: divergences are lower bounds")
        return DeterminismReport(Determinism.LOOSE, seed, tuple(notes))

    def stats(self) -> BackendStats:
        """Requests, and the time that their answers took; what the server spent is its own."""
        return self._stats

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for side in (self.base, self.tuned):
            side.server.close()

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Ask, several at once; answers come as they are ready."""
        start = time.perf_counter()
        asked: dict[Future[tuple[Answer | Failure, float]], Request[Any]] = {
            self._pool.submit(self._timed, request): request for request in requests
        }
        try:
            for done in as_completed(asked):
                answer, seconds = done.result()
                yield Answered(asked[done], answer, Cost(seconds))
        finally:
            for future in asked:
                future.cancel()
            s, spent = self._stats, time.perf_counter() - start
            self._stats = replace(s, requests=s.requests + len(requests), seconds=s.seconds + spent)

    def _timed(self, request: Request[Any]) -> tuple[Answer | Failure, float]:
        start = time.perf_counter()
        try:
            answer = self._answer(request)
        except RequestError as fault:
            return Failure.of(fault), time.perf_counter() - start
        return answer, time.perf_counter() - start

    def _answer(self, request: Request[Any]) -> Answer:
        if refused := self.refusal(request):
            raise RequestError(refused)
        side = self._side(request.view)
        match request:
            case NextToken(prompt=str(prompt)):
                base = self._listed(self.base, prompt, request.top_k)
                tuned = None if side is self.base else self._listed(side, prompt, request.top_k)
                return next_token(base, tuned, request.top_k)
            case SpanLogprob(prompt=str(prompt)):
                return _scored(side, prompt, request.completion)
            case RollingLogprob():
                return _scored(side, "", request.text)
            case Generation():
                return _continued(side, request)
        raise RequestError("it is no question of a kind that is known")

    def _side(self, view: View) -> _Side:
        return self.base if view.is_base else self.tuned

    def _listed(self, side: _Side, prompt: str, top_k: int) -> dict[str, float]:
        """The likeliest next tokens, asked for once however many questions rest on them."""
        if not prompt:
            raise RequestError("the prompt is empty")
        key = (prompt, min(top_k, self.top))
        with self._lock:
            first = key not in side.known
            known = side.known.setdefault(key, Future())
        if first:
            size = {"max_tokens": 1, "temperature": 0, "logprobs": key[1]}
            try:
                known.set_result(listed(side.server.complete(model=side.model, prompt=prompt, **size)))
            except Exception as fault:  # noqa: BLE001 - whoever waits for the same answer is told the same
                with self._lock:
                    del side.known[key]  # whoever comes later has it asked again
                known.set_exception(fault)
        return known.result()


def _server(spec: ModelSpec, side: str) -> Server:
    if not spec.endpoint:
        raise BackendError("a model of kind api needs endpoint", where=f"models.{side}", mend="write http://host:port")
    return Server(spec.endpoint)


def _explore(side: _Side) -> None:
    """Find how many likeliest tokens a server lists, and whether it scores given text."""
    for size in _SIZES:
        try:
            asked = side.server.complete(model=side.model, prompt=_SAMPLE, max_tokens=1, temperature=0, logprobs=size)
        except Rejected:
            continue
        side.top = min(size, len(listed(asked)))
        break
    else:
        side.server.complete(model=side.model, prompt=_SAMPLE, max_tokens=1, temperature=0)
    try:
        _scored(side, "", _SAMPLE)
        side.echo = True
    except RequestError:
        side.echo = False


def _scored(side: _Side, prompt: str, text: str) -> SpanScore:
    if not text:
        raise RequestError("the text is empty")
    whole = prompt + text
    asked = side.server.complete(model=side.model, prompt=whole, max_tokens=1, temperature=0, logprobs=1, echo=True)
    return span(asked, prompt, text)


def _continued(side: _Side, request: Generation) -> Generated:
    fields: dict[str, Any] = {"model": side.model, "max_tokens": request.max_new_tokens, "seed": request.seed}
    fields |= {"temperature": request.temperature, "top_p": request.top_p}
    if isinstance(request.prompt, Chat):
        turns = [{"role": m.role, "content": m.content} for m in request.prompt.messages]
        asked = side.server.ask("/chat/completions", {**fields, "messages": turns})
    else:
        asked = side.server.complete(**fields, prompt=request.prompt)
    choice = asked.choices[0]
    text = (choice.message.content or "") if choice.message else choice.text
    count = asked.usage.completion_tokens if asked.usage else None
    return Generated(text, count if count is not None else len(text.split()), choice.finish_reason == "stop")
