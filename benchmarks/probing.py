"""What one more costs, at what rate the machine is used, and how long a command takes to start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.models import build_adapter
from benchmarks.standard import LAMBDAS, Overheard, next_tokens, nulls, prompts, prose_of, standard
from sway.core.requests import Generation, Request
from sway.core.trace import Batch
from sway.core.views import BASE, TUNED, View
from sway.engine.plan import Options
from sway.engine.run import run_suite

Batched = Callable[[Sequence[Request[Any]]], tuple[float, Any]]
HIDDEN, WIDE, WORDS, KV = 576, 1536, 49152, 192


def marginal(batched: Batched) -> Iterator[str]:
    """A null's, a strength's and a prompt's cost, by a line through the CPU time of several counts."""
    eight, both = prompts(8), (BASE, TUNED)
    series = {
        "null (8 prompts)": {n: next_tokens(eight, (*both, *nulls(n))) for n in (0, 6, 12, 19)},
        "strength (8 prompts)": {n: next_tokens(eight, (*both, *map(View, LAMBDAS[:n]))) for n in (0, 2, 4, 5)},
        "prompt (base, tuned and 19 nulls)": {n: next_tokens(prompts(n), (*both, *nulls(19))) for n in (4, 8, 16, 32)},
    }
    for what, work in series.items():
        counts = np.array([*work])
        times = np.array([min(batched(requests)[0] for _ in range(2)) for requests in work.values()])
        slope, start = np.polyfit(counts, times, 1)
        fit = 1 - ((times - start - slope * counts) ** 2).sum() / ((times - times.mean()) ** 2).sum()
        yield f"One more {what}: {1000 * slope:.0f} ms, beside {1000 * start:.0f} ms for none (R squared {fit:.3f})."


def rates(
    backend: Any, batches: Sequence[Batch], said: Mapping[Request[Any], Any], layers: int, single: float
) -> list[str]:
    """Tokens a second against the machine's products, and of writing by how many lines are written at once.

    `single` is what the suite takes one at a time, in CPU-seconds.
    """
    scored = [b for b in batches if b.kind == "score"]
    cpu, tokens = sum(b.cpu_seconds for b in scored), sum(b.tokens for b in scored)
    inner = 2 * layers * (2 * HIDDEN * HIDDEN + 2 * HIDDEN * KV + 3 * HIDDEN * WIDE)
    turns = sorted((prose_rate(backend) for _ in range(5)), key=lambda turn: turn[0] / turn[1])
    read, peak = turns[len(turns) // 2]
    used = read * (inner + 2 * HIDDEN * WORDS)
    products = inner * sum(b.tokens for b in batches) + 2 * HIDDEN * WORDS * sum(map(_words, said.values()))
    told = [
        f"The suite's products alone, at the rate of products of 256 rows: {products / peak:.1f} CPU-s, so that no "
        f"batching could make its ratio larger than {single * peak / products:.1f}.",
        f"Scoring in the suite: {tokens / cpu:.0f} tokens/s.",
        f"Prose, every token scored: {read:.0f} tokens/s, {used / 1e9:.0f} GFLOP/s of the {peak / 1e9:.0f} "
        f"that products of 256 rows reach right before: {used / peak:.0%} (the middle of five turns).",
    ]
    for lines in (1, 8, 32):
        asked = [Generation(TUNED, text, 24) for text in prompts(lines)]
        start = time.process_time()
        written = sum(each.answer.tokens for each in backend.answer(asked))
        told.append(f"Writing {lines} at once: {written / (time.process_time() - start):.0f} tokens/s.")
    return told


def _words(answer: Any) -> int:
    """How often an answer needs the product with the vocabulary."""
    return answer.tokens if hasattr(answer, "tokens") else 1


def prose_rate(backend: Any) -> tuple[float, float]:
    """Tokens of prose scored a CPU-second, and the rate of products just before: a busy machine slows both."""
    peak, start = gemm_rate(), time.process_time()
    count = sum(each.answer.tokens for each in backend.answer(prose_of(8)))
    return count / (time.process_time() - start), peak


def widths(backend: Any) -> str:
    """Tokens scored a CPU-second, by how many run at once at most: the better of two turns each."""
    asked, budget = [*next_tokens(prompts(32), (BASE, TUNED, *nulls(4))), *prose_of(8)], backend.budget
    told = []
    for tokens in (256, 1024, 4096):
        backend.budget = replace(budget, tokens=tokens)
        told.append(f"{max(_scored(backend, asked) for _ in range(2)):.0f} with {tokens}")
    backend.budget = budget
    return f"Tokens scored a second, by how many run at once: {', '.join(told)}."


def _scored(backend: Any, asked: Sequence[Request[Any]]) -> float:
    backend.scorer.supports.clear()
    before, start = backend.stats().tokens, time.process_time()
    list(backend.answer(asked))
    return float(backend.stats().tokens - before) / (time.process_time() - start)


def gemm_rate() -> float:
    """The best rate of fp32 products (256 rows, of the model's widths), in floating-point operations a CPU-second."""
    best = 0.0
    for inner, outer in ((HIDDEN, WIDE), (WIDE, HIDDEN), (HIDDEN, 2048)):
        x, weight = torch.randn(256, inner), torch.randn(outer, inner)
        for _ in range(3):
            start = time.process_time()
            for _ in range(100):
                torch.nn.functional.linear(x, weight)
            best = max(best, 100 * 2 * x.numel() * outer / (time.process_time() - start))
    return best


def second_adapter(base: Path, adapter: Path, backend_of: Callable[[Path], Any]) -> str:
    """What another adapter costs on a base that was asked before, without nulls."""
    other = base.parent / "other"
    build_adapter(base, other, seed=2)
    took = []
    with tempfile.TemporaryDirectory() as kept:
        os.environ |= {"SWAY_BASE_CACHE_DIR": kept, "SWAY_DISABLE_BASE_CACHE": "0"}
        for folder in (adapter, other):
            backend = Overheard(backend_of(folder))
            start = time.process_time()
            run_suite(standard(base, folder), Options(nulls=False), build=lambda *_, b=backend: b)
            took.append(time.process_time() - start)
            backend.backend.close()
        os.environ["SWAY_DISABLE_BASE_CACHE"] = "1"
    return f"The suite without nulls: {took[0]:.1f} CPU-s, and {took[1]:.1f} for a second adapter on the same base."


def start_up() -> Iterator[str]:
    """CPU-seconds of commands that load no model, and of what must be imported before one is."""
    for command in ("--version", "--help"):
        yield f"`sway {command}`: {_spent('-m', 'sway', command):.2f} CPU-s."
    torch_alone = _spent("-c", "import torch")
    both = _spent("-c", "import torch; from transformers import AutoTokenizer, LlamaForCausalLM")
    more = both - torch_alone
    yield f"Before a model is loaded: {torch_alone:.1f} CPU-s for torch, {more:.1f} more for transformers."


def _spent(*arguments: str) -> float:
    """CPU-seconds of a Python of its own."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
