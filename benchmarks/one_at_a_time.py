"""The reference, as a script written by hand: one sequence a forward pass, the adapter set in place, full logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sway.backends.adapter import read_adapter
from sway.backends.hf.text import Text
from sway.backends.nulls import null_update
from sway.core.requests import Answer, Generation, NextToken, Request, RollingLogprob, SpanLogprob, SpanScore, TokenDist
from sway.core.views import NullDraw, View
from sway.stats.text import leading_recall

Factors = dict[str, tuple[torch.Tensor, torch.Tensor, float]]


class OneAtATime:
    """Answers one question after the other; nulls are drawn once."""

    def __init__(self, base: Path, adapter: Path, text: Text) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
        self.updates = read_adapter(adapter).updates
        self.text = text
        self.state: Factors = {}
        self.scale = 1.0
        self.factors: dict[NullDraw | None, Factors] = {}
        modules = dict(self.model.named_modules())
        for name in self.updates:
            modules[name].register_forward_hook(self._hook(name))

    @torch.inference_mode()
    def answer(self, request: Request[Any]) -> np.ndarray | str:
        """Log-probabilities (of the next token, of all words), or the text written."""
        if isinstance(request, Generation):
            return self._write(request)
        if isinstance(request, NextToken):
            return self._logprobs(request.view, self.text.prompt(request.prompt))[-1].numpy()
        if isinstance(request, SpanLogprob):
            ids, first = self.text.span(request.prompt, request.completion)
        else:
            assert isinstance(request, RollingLogprob)
            ids, first = self.text.rolling(request.text), 1
        logprobs = self._logprobs(request.view, ids)
        return logprobs[torch.arange(first - 1, len(ids) - 1), torch.tensor(ids[first:])].numpy()

    def recites(self, request: SpanLogprob) -> int:
        """How many tokens of a completion a greedy continuation of the prompt begins with: written, not scored."""
        ids, first = self.text.span(request.prompt, request.completion)
        written = self._continued(request.view, ids[:first], len(ids) - first)
        alike = [mine == theirs for mine, theirs in zip(written, ids[first:], strict=False)]
        return alike.index(False) if False in alike else len(alike)

    def _hook(self, name: str) -> Any:
        def hook(_module: Any, args: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
            if name not in self.state:
                return out
            a, b, scaling = self.state[name]
            return out + (args[0] @ a.T) @ b.T * (scaling * self.scale)

        return hook

    def _show(self, view: View) -> None:
        self.scale = view.scale
        if view.is_base:
            self.state = {}
            return
        if view.null not in self.factors:
            drawn = {n: null_update(u, view.null) if view.null else u for n, u in self.updates.items()}
            self.factors[view.null] = {
                name: (torch.tensor(f.a), torch.tensor(f.b), f.scaling) for name, f in drawn.items()
            }
        self.state = self.factors[view.null]

    def _logprobs(self, view: View, ids: tuple[int, ...]) -> torch.Tensor:
        self._show(view)
        return torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), -1)

    def _write(self, request: Generation) -> str:
        if request.temperature > 0:
            raise ValueError("the reference writes greedily only")
        prompt = self.text.prompt(request.prompt)
        return self.text.decode(self._continued(request.view, prompt, request.max_new_tokens))

    def _continued(self, view: View, prompt: tuple[int, ...], tokens: int) -> list[int]:
        self._show(view)
        ids = torch.tensor([prompt])
        made = self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0
        )
        return list(made[0, ids.shape[1] :].tolist())


def gap(batched: Answer, single: np.ndarray | str | int) -> float:
    """The largest difference of two answers, in nats; for texts and counts, 0 where they are equal, else NaN."""
    if isinstance(single, str):
        return 0.0 if getattr(batched, "text", None) == single else float("nan")
    if isinstance(single, int):
        assert isinstance(batched, SpanScore)
        return 0.0 if round(leading_recall(batched.greedy) * batched.tokens) == single else float("nan")
    if isinstance(batched, TokenDist):
        single = single[batched.ids]
    assert isinstance(batched, TokenDist | SpanScore)
    return float(np.abs(batched.logprobs - single).max())
