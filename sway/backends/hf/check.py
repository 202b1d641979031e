"""Checks made once a model is loaded: that its answers can be read here, and how far they repeat."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import numpy as np
import torch

from sway.backends.hf.decode import Held
from sway.backends.hf.generate import Line, Lines, State
from sway.backends.hf.intake import Row
from sway.backends.hf.passes import packed, states
from sway.backends.hf.runner import Runner
from sway.backends.hf.text import Ids
from sway.core.errors import BackendError
from sway.core.requests import Generation
from sway.core.results import Determinism, DeterminismReport
from sway.core.views import BASE, TUNED, View

_TOLERANCE = {torch.float32: 2e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
WORKSPACE = ":4096:8"
_UNFIT = (TypeError, ValueError, RuntimeError, AttributeError, IndexError)
"""What a model's own code raises where it takes no positions, no mask, no cache, or no other attention than its own."""


@torch.inference_mode()
def check_reading(runner: Runner, ids: Ids, dtype: torch.dtype) -> None:
    """Compare logits read here, from a padded batch, with the model's own. Raises `BackendError` where they differ."""
    ids = ids[:12]
    own = torch.log_softmax(runner.own_logits(torch.tensor([ids], device=runner.device)), -1)[0]
    states = runner.score(runner.padded([ids, ids], 16), [])
    read = torch.log_softmax(runner.logits(states[1, : len(ids)], [])[: len(ids)], -1)
    if not torch.isfinite(own).any():
        return  # preflight tells of numbers that are not finite
    gap = _gap(own, read)
    if gap > _TOLERANCE.get(dtype, 0.5):
        what = f"its logits cannot be read reliably: they differ by {gap:.3g} nats from the model's own"
        raise BackendError(what, where=type(runner.model).__name__, mend="this architecture is not supported")


@torch.inference_mode()
def check_rows(runner: Runner, ids: Ids, dtype: torch.dtype) -> bool:
    """Whether rows in a batch of several views equal the same rows alone, bit for bit.

    Raises `BackendError` where they differ by more than rounding: then rows and views are mixed up.
    """
    ids = ids[:12]
    alone = _last(runner, [ids], [TUNED])
    mixed = _last(runner, [ids[:5], ids, ids, ids[:9]], [BASE, BASE, TUNED, TUNED])
    gap = _gap(alone[0], mixed[2])
    if gap > _TOLERANCE.get(dtype, 0.5):
        what = f"a view's logits depend on what else is in its batch, by {gap:.3g} nats"
        raise BackendError(what, where=type(runner.model).__name__, mend="this architecture is not supported")
    return torch.equal(alone[0].nan_to_num(0.0), mixed[2].nan_to_num(0.0)) and steady(runner.wide, runner.device)


@torch.inference_mode()
def steady(wide: int, device: torch.device) -> bool:
    """Whether rows of products over `wide` numbers are the same, bit for bit, whether few or many share the product.

    Tried on CPUs alone. Without MKL's strict mode threads split some products, such as those into a low rank, by
    their number of rows.
    """
    if device.type != "cpu":
        return True
    generator = torch.Generator().manual_seed(0)
    x, weights = (torch.randn(n, wide, generator=generator) for n in (512, 576))
    for weight in (weights, weights[:8].contiguous()):
        many = torch.nn.functional.linear(x, weight)
        for few in (16, 64, 129):
            if not torch.equal(torch.nn.functional.linear(x[:few], weight), many[:few]):
                return False
    return True


@torch.inference_mode()
def can_pack(runner: Runner, ids: Ids, dtype: torch.dtype) -> bool:
    """Whether sequences in one long row, one of them cut, have the model's own logits."""
    ids = ids[:12]
    rows = [Row(BASE, ids[1:]), Row(BASE, ids, (5,)), Row(BASE, ids[: len(ids) // 2])]
    if len(ids) < 6:
        return False
    try:
        found = packed(runner, rows)
    except _UNFIT:
        return False
    for row, places in zip(rows, found.places, strict=True):
        own = torch.log_softmax(runner.own_logits(torch.tensor([row.ids], device=runner.device)), -1)[0]
        picked, _ = found.only(list(places))
        read = torch.log_softmax(runner.logits(picked, [])[: len(places)], -1)
        if not _gap(own, read) <= _TOLERANCE.get(dtype, 0.5) and torch.isfinite(own).any():
            return False
    return True


@torch.inference_mode()
def can_write(runner: Runner, ids: Ids, dtype: torch.dtype) -> bool:
    """Whether two steps from a prompt padded on the left, the second with the cache, give the model's own logits."""
    ids = ids[:12]
    own = torch.log_softmax(runner.own_logits(torch.tensor([ids], device=runner.device)), -1)[0]
    line = Line(Generation(BASE, ""), ids[:-1])
    read = []
    try:
        state: Lines = Held.start(runner, [line], len(ids)) if runner.packs else State.start(runner, [line])
        for _ in range(2):
            for logits in state.step(runner):
                read.append(torch.log_softmax(logits[0], -1))
                line.written.append(ids[-1])
    except _UNFIT:
        return False
    return _gap(own[-2:], torch.stack(read)) <= _TOLERANCE.get(dtype, 0.5) or not torch.isfinite(own).any()


def _gap(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two sets of log-probabilities; infinite where only one of them is finite."""
    finite = torch.isfinite(one)
    if not torch.equal(finite, torch.isfinite(other)):
        return float("inf")
    return float((one - other)[finite].abs().max()) if finite.any() else 0.0


def _last(runner: Runner, rows: Sequence[Ids], views: list[View]) -> torch.Tensor:
    """Log-probabilities (rows, V) after each row."""
    found = states(runner, [Row(view, ids, (4,)) for view, ids in zip(views, rows, strict=True)])
    picked, groups = found.only([places[-1] for places in found.places])
    return torch.log_softmax(runner.logits(picked, groups), -1)[: len(rows)]


def make_deterministic(seed: int, device: torch.device, exact: bool) -> DeterminismReport:
    """Seed every generator and ask for deterministic algorithms.

    `exact` says whether rows are the same, bit for bit, whatever their batch; where not, the class is one lower.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # code that a model ships may use the global generator
    torch.manual_seed(seed)
    notes = []
    try:
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    except (RuntimeError, AttributeError) as error:
        return DeterminismReport(Determinism.LOOSE, seed, (f"deterministic algorithms were refused: {error}",))
    achieved = Determinism.STRICT if device.type == "cuda" else Determinism.BEST_EFFORT
    if not exact:
        notes.append("on this host an answer's last digits depend on what else is asked in the same batch")
        achieved = Determinism.BEST_EFFORT if device.type == "cuda" else Determinism.LOOSE
    return DeterminismReport(achieved, seed, tuple(notes))
