"""How much runs at once: as many tokens as memory allows, fewer after it ran out, and always one row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

S = TypeVar("S")
R = TypeVar("R")

_TOKENS = {"cpu": 4096, "mps": 4096, "cuda": 32768}
_LEAST = 64
_HIDDEN = ("hidden_size", "n_embd", "d_model")
_FIXED = 256 << 20
"""Bytes for what does not grow with the tokens: logits of a chunk, null adapters, the programs themselves."""


@dataclass
class Budget:
    """At most about `tokens` in a pass, and keys and values of about `held` while lines are written."""

    tokens: int
    held: int

    @classmethod
    def of(cls, model: Any, device: torch.device, memory: int | None = None) -> Budget:
        """What suits a device; where `memory` is stated, in bytes for all of it, no more than fits beside the model."""
        tokens = _TOKENS.get(device.type, 4096)
        budget = cls(tokens, 4 * tokens)
        if memory is not None:
            free = max(memory - _weight(model) - _FIXED, 0) // 2
            pass_bytes, held_bytes = _a_token(model)
            budget.tokens = min(tokens, max(_LEAST, free // pass_bytes))
            budget.held = min(4 * tokens, max(_LEAST, free // held_bytes))
        return budget

    def halve(self) -> None:
        """Memory ran out: what follows is cut smaller."""
        self.tokens = max(_LEAST, self.tokens // 2)
        self.held = max(_LEAST, self.held // 2)

    def run(self, run: Callable[[list[S]], list[R]], batch: list[S], failed: Callable[[S], list[R]]) -> list[R]:
        """Run a batch; where memory runs out, run its halves, down to single rows, which then fail alone."""
        try:
            return run(batch)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
        self.halve()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(batch) == 1:
            return failed(batch[0])
        middle = len(batch) // 2
        return self.run(run, batch[:middle], failed) + self.run(run, batch[middle:], failed)


def text_settings(model: Any) -> Any:
    """The settings of a model's language part."""
    config = model.config
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def width_within(settings: Any) -> int:
    """How many numbers a token is inside a block's perceptron, by the model's settings."""
    return _setting(settings, ("intermediate_size", "n_inner", "ffn_dim"), 4 * _setting(settings, _HIDDEN, 4096))


def _weight(model: Any) -> int:
    return sum(p.numel() * p.element_size() for p in model.parameters())


def _a_token(model: Any) -> tuple[int, int]:
    """Bytes that a token takes in a pass, and that its keys and values take, by the model's settings."""
    config = text_settings(model)
    size = next(model.parameters()).element_size()
    hidden, wide = _setting(config, _HIDDEN, 4096), width_within(config)
    layers = _setting(config, ("num_hidden_layers", "n_layer", "num_layers"), 32)
    heads = _setting(config, ("num_attention_heads", "n_head"), 1)
    kept = _setting(config, ("num_key_value_heads",), heads)
    head = _setting(config, ("head_dim",), math.ceil(hidden / heads))
    pass_bytes = 4 * (16 * hidden + 4 * wide)
    return pass_bytes, max(1, 2 * layers * kept * head * size)


def _setting(config: Any, names: Sequence[str], otherwise: int) -> int:
    found = (getattr(config, name, None) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), otherwise)


def _out_of_memory(error: Any) -> bool:
    told = str(error).lower()
    return (
        isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        or "out of memory" in told
        or "allocate memory" in told
    )
