"""Continues prompts: many rows at once with a key-value cache, each row by its own rule and random stream.

Prompts are padded on the left to a length that depends on the prompt alone, so that a row meets the same
number of keys at every step whatever the batch. Rows that have ended are dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sway.backends.hf.plan import MIN_ROWS, Group, within
from sway.backends.hf.runner import CHUNK, Runner, chunks
from sway.backends.hf.score import NOT_FINITE
from sway.backends.hf.text import Ids, Text
from sway.core.requests import Answer, Failure, Generated, Generation, Request

_BUCKET = 32
_NUCLEUS = 1024


@dataclass
class Line:
    """One continuation under way."""

    request: Generation
    ids: Ids
    written: list[int] = field(default_factory=list)
    finished: bool = False
    failure: str = ""
    _stream: np.random.Generator | None = None

    @property
    def width(self) -> int:
        """The padded length of the prompt."""
        return -(-len(self.ids) // _BUCKET) * _BUCKET

    @property
    def done(self) -> bool:
        """Whether no further token is wanted."""
        return self.finished or bool(self.failure) or len(self.written) >= self.request.max_new_tokens

    @property
    def room(self) -> int:
        """How many tokens it may come to hold, padding included."""
        return self.width + self.request.max_new_tokens

    def begin(self) -> None:
        """Forget what was written: where memory runs out amid a text, it is written again from its start."""
        self.written.clear()
        self.finished, self.failure, self._stream = False, "", None

    def take(self, token: int, ends: frozenset[int]) -> None:
        """Append a token."""
        self.written.append(token)
        self.finished = token in ends

    def draw(self, logits: NDArray[np.float32]) -> int:
        """Sample a token from logits (V,) with the request's temperature and nucleus."""
        if self._stream is None:
            self._stream = _stream(self.request)
        return sample(logits, self.request.temperature, self.request.top_p, self._stream)

    def answer(self, text: Text, ends: frozenset[int]) -> Answer | Failure:
        """The continuation, or why there is none."""
        if self.failure:
            return Failure(self.failure)
        kept = self.written[:-1] if self.finished else self.written
        return Generated(text.decode([t for t in kept if t not in ends]), len(self.written), self.finished)


def _stream(request: Generation) -> np.random.Generator:
    """A random stream from the question without its view: views share their luck, so that they differ by their odds."""
    asked = (request.prompt, request.max_new_tokens, request.temperature, request.top_p, request.seed)
    digest = hashlib.sha256(repr(asked).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def sample(logits: NDArray[np.float32], temperature: float, top_p: float, stream: np.random.Generator) -> int:
    """A token drawn from softmax(logits / temperature), restricted to the fewest tokens with mass `top_p`.

    >>> sample(np.array([0.0, 50.0, 0.0], "f4"), 1.0, 0.9, np.random.default_rng(0))
    1
    """
    scaled = logits.astype(np.float64) / temperature
    mass = np.exp(scaled - scaled.max())
    if top_p < 1:
        order = _nucleus(mass, top_p)
        within = np.cumsum(mass[order])
        return int(order[min(np.searchsorted(within, stream.random() * within[-1], side="right"), len(order) - 1)])
    within = np.cumsum(mass)
    return int(min(np.searchsorted(within, stream.random() * within[-1], side="right"), len(mass) - 1))


def _nucleus(mass: NDArray[np.float64], top_p: float) -> NDArray[np.intp]:
    """The fewest tokens, heaviest first, whose mass reaches `top_p` of the whole."""
    wanted = top_p * mass.sum()
    some = np.argpartition(-mass, _NUCLEUS)[:_NUCLEUS] if len(mass) > 2 * _NUCLEUS else np.arange(len(mass))
    if mass[some].sum() < wanted:
        some = np.arange(len(mass))
    order = some[np.lexsort((some, -mass[some]))]
    return order[: int(np.searchsorted(np.cumsum(mass[order]), wanted)) + 1]


class Lines(Protocol):
    """The rows in the model."""

    lines: list[Line]

    def step(self, runner: Runner) -> Iterator[torch.Tensor]:
        """The logits (m, V) that follow each line, in chunks of lines."""
        ...

    def keep(self, runner: Runner, going: Sequence[int]) -> None:
        """Go on with these lines; with none there are no lines left."""
        ...


@dataclass
class Writer:
    """Continues batches of lines on one runner."""

    runner: Runner
    text: Text
    ends: frozenset[int]
    start: Callable[[Runner, Sequence[Line]], Lines]

    @torch.inference_mode()
    def run(self, lines: Sequence[Line]) -> list[tuple[Request[Any], Answer | Failure]]:
        """Continue `lines`, neighbors sharing views; unless packed, their padded prompts are of one width."""
        for line in lines:
            line.begin()
        state = self.start(self.runner, lines)
        while state.lines:
            self._choose(state.lines, state.step(self.runner))
            state.keep(self.runner, [i for i, line in enumerate(state.lines) if not line.done])
        return [(line.request, line.answer(self.text, self.ends)) for line in lines]

    def _choose(self, lines: Sequence[Line], steps: Iterator[torch.Tensor]) -> None:
        """Give every line its next token, from logits that come in chunks of lines."""
        start = 0
        for logits in steps:
            some = lines[start : start + CHUNK]
            likeliest, finite = _likeliest(logits)
            for index, line in enumerate(some):
                if line.done:
                    continue
                if not finite[index]:
                    line.failure = NOT_FINITE
                else:
                    greedy = line.request.temperature <= 0
                    line.take(likeliest[index] if greedy else line.draw(logits[index].cpu().numpy()), self.ends)
            start += len(some)


def _likeliest(logits: torch.Tensor) -> tuple[list[int], list[bool]]:
    """Of each row of logits (m, V): the place of its maximum, the first of several, and whether that is finite."""
    # On a CPU torch's own is slower than NumPy's. Both place the maximum at a NaN where there is one.
    held = logits if logits.is_cuda else logits.cpu()
    found = held.argmax(-1) if held.is_cuda else torch.from_numpy(held.numpy().argmax(-1))
    return found.tolist(), torch.isfinite(held.gather(-1, found.unsqueeze(-1)).squeeze(-1)).tolist()


@dataclass
class State:
    """The rows in the model: lines that are being continued, then filling."""

    lines: list[Line]
    ids: torch.Tensor
    mask: torch.Tensor
    groups: list[Group]
    cache: Any = None

    @classmethod
    def start(cls, runner: Runner, lines: Sequence[Line]) -> State:
        """The prompts of `lines`, padded on the left, and filling."""
        # The last row is always filling with padding: without any padding the model would take another
        # path through attention, and a row's last digits would depend on its neighbors.
        width, rows = lines[0].width, max(len(lines) + 1, MIN_ROWS)
        table = [[runner.pad] * (width - len(line.ids)) + list(line.ids) for line in lines]
        table += [[runner.pad] * width] * (rows - len(lines))
        mask = torch.zeros(rows, width, dtype=torch.long)
        for row, line in enumerate(lines):
            mask[row, width - len(line.ids) :] = 1
        mask[len(lines) :, -1] = 1
        ids = torch.tensor(table, dtype=torch.long, device=runner.device)
        groups = runner.groups([line.request.view for line in lines])
        return cls([*lines], ids, mask.to(runner.device), groups)

    def step(self, runner: Runner) -> Iterator[torch.Tensor]:
        """Run the rows' last ids, and give the logits (m, V) of the lines that follow, in chunks."""
        width = self.ids.shape[1]
        places = (self.mask.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        states, output = runner.hidden(
            self.ids,
            self.groups,
            attention_mask=self.mask,
            position_ids=places,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.cache = output.past_key_values
        last = states[:, -1]
        for low, high in chunks(len(self.lines)):
            yield runner.logits(last[low:high], within(self.groups, low, high))
        self._advance(runner)

    def keep(self, runner: Runner, going: Sequence[int]) -> None:
        """Drop ended lines once that halves the batch; with none left there is nothing more to do."""
        if not going:
            self.lines = []
        if not going or 2 * max(len(going) + 1, MIN_ROWS) > self.ids.shape[0]:
            return
        filling = [self.ids.shape[0] - 1] * (max(len(going) + 1, MIN_ROWS) - len(going))
        chosen = torch.tensor([*going, *filling], device=runner.device)
        self.cache.reorder_cache(chosen)  # the one way to choose rows that every kind of layer has
        self.ids, self.mask = self.ids[chosen], self.mask[chosen]
        self.lines = [self.lines[i] for i in going]
        self.groups = runner.groups([line.request.view for line in self.lines])

    def _advance(self, runner: Runner) -> None:
        rows = self.ids.shape[0]
        tokens = [line.written[-1] if line.written else runner.pad for line in self.lines]
        tokens += [runner.pad] * (rows - len(tokens))
        self.ids = torch.tensor(tokens, dtype=torch.long, device=runner.device).unsqueeze(1)
        self.mask = torch.cat([self.mask, self.mask.new_ones(rows, 1)], dim=1)
