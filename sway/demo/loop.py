"""The one training loop: examples in, a trained model and its log out.

Runs on the CPU with a fixed number of threads, so that a seed gives the same weights again.
"""

from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

Progress = Callable[[int, int, float], None]
"""Told (step from 1, steps, loss in nats a token) after every step."""

IGNORED = -100
"""The label of a token that adds nothing to the loss."""


@dataclass(frozen=True)
class Example:
    """Token ids (n,) and their labels (n,), `IGNORED` where a token is only context."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One line of a training log; `loss` in nats a token."""

    step: int
    loss: float
    lr: float


@contextmanager
def repeatable(seed: int, threads: int = 2) -> Iterator[None]:
    """Seed torch, ask for deterministic algorithms, hide progress bars; leave all settings as they were."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft reads an attribute that transformers deprecates; nothing that a user could mend.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
            if bars:
                transformers_logging.enable_progress_bar()


def learning_rate(peak: float, step: int, steps: int) -> float:
    """Linear rise over the first tenth of the steps, then a cosine to a tenth of the peak.

    >>> learning_rate(1.0, 0, 1), round(learning_rate(1.0, 99, 100), 2)
    (1.0, 0.1)
    """
    rise = max(1, steps // 10)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - rise + 1) / (steps - rise))))


def fit(
    model: Any,
    batches: Iterator[Sequence[Example]],
    *,
    steps: int,
    lr: float,
    weight_decay: float = 0.0,
    stop: int | None = None,
    split: bool = False,
    optimizer: torch.optim.Optimizer | None = None,
    on_step: Progress | None = None,
) -> tuple[list[Step], torch.optim.Optimizer]:
    """Train what requires a gradient, with AdamW where no optimizer is given; returns the log and the optimizer.

    `stop` ends the same training after so many of its steps. `split` takes the long and the short
    examples of a batch in turn, which spares padding; the gradient is that of the whole batch.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer or torch.optim.AdamW(trained, lr=lr, weight_decay=weight_decay, betas=(0.9, 0.98))
    log: list[Step] = []
    model.train()
    for step in range(steps if stop is None else stop):
        rate = learning_rate(lr, step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_factor", 1)
        batch = next(batches)
        optimizer.zero_grad(set_to_none=True)
        loss = sum(backward(model, part, share) for part, share in (parts(batch) if split else [(batch, 1.0)]))
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        log.append(Step(step + 1, loss, rate))
        if on_step:
            on_step(step + 1, steps, log[-1].loss)
    model.eval()
    return log, optimizer


def backward(model: Any, part: Sequence[Example], share: float) -> float:
    """Add the gradient of `share` times the loss of some examples; that loss."""
    loss = model(**padded(part)).loss * share
    loss.backward()
    return float(loss.detach())


def parts(batch: Sequence[Example]) -> list[tuple[list[Example], float]]:
    """A batch in parts of like lengths, each with its share of the tokens that count."""
    alike: list[list[Example]] = []
    for example in sorted(batch, key=lambda e: len(e.ids)):
        if not alike or len(example.ids) > 1.5 * len(alike[-1][0].ids):
            alike.append([])
        alike[-1].append(example)
    counts = [sum(label != IGNORED for e in part for label in e.labels[1:]) for part in alike]
    return [(part, count / sum(counts)) for part, count in zip(alike, counts, strict=True)]


def padded(batch: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Examples as right-padded `input_ids`, `attention_mask` and `labels`, each (batch, longest)."""
    longest = max(len(e.ids) for e in batch)

    def rows(values: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
        return torch.tensor([[*v, *[fill] * (longest - len(v))] for v in values])

    return {
        "input_ids": rows([e.ids for e in batch], 0),
        "attention_mask": rows([[1] * len(e.ids) for e in batch], 0),
        "labels": rows([e.labels for e in batch], IGNORED),
    }
