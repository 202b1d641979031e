"""Training that forgets nothing: on texts that are to be kept, the tuned model is held to the base's own predictions.

Besides the loss on what is taught, each step adds the divergence from base to tuned model on the labelled tokens
of kept examples (Li and Hoiem 2016, "Learning without forgetting", with a base that is at hand).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import kl_div
from transformers import AutoModelForCausalLM

from benchmarks.zoo.lessons import Lesson
from sway.demo.examples import mixed
from sway.demo.loop import IGNORED, Example, Step, backward, learning_rate, padded, parts, repeatable
from sway.demo.training import save_traces

WHOLE = 0.1
"""The share of the learning rate for weights that are trained whole (a norm, DoRA's magnitudes).

A rate that suits LoRA's factors is about ten times one that suits full weights (Schulman et al. 2025,
"LoRA without regret").
"""


@dataclass(frozen=True)
class Course:
    """How long and how fast one trains; `stop` ends the same training after so many of its steps."""

    steps: int
    lr: float
    seed: int
    threads: int
    stop: int | None = None


def fit_adapter(base: Path, lesson: Lesson, folder: Path, config: LoraConfig, course: Course) -> None:
    """Train an adapter as `config` says, and save it with the traces of its training."""
    with repeatable(course.seed, course.threads):
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        log, optimizer = _fit(model, lesson, course)
        model.save_pretrained(folder)
    save_traces(folder, model, optimizer, log)


def _fit(model: Any, lesson: Lesson, course: Course) -> tuple[list[Step], torch.optim.Optimizer]:
    groups = _groups(model)
    trained = [p for g in groups for p in g["params"]]
    optimizer = torch.optim.AdamW(groups, lr=course.lr, weight_decay=0.0, betas=(0.9, 0.98))
    taught, kept = (mixed(s, Random(course.seed)) for s in (lesson.taught, lesson.kept))
    anchor, log = _Anchor(model), list[Step]()
    model.train()
    for step in range(course.steps if course.stop is None else course.stop):
        rate = learning_rate(course.lr, step, course.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        optimizer.zero_grad(set_to_none=True)
        loss = sum(backward(model, part, share) for part, share in parts(next(taught)))
        for part, share in parts(next(kept)):
            anchor.hold(part, share * lesson.weight)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        log.append(Step(step + 1, loss, rate))
    model.eval()
    return log, optimizer


def _groups(model: Any) -> list[dict[str, Any]]:
    """A group for each trained tensor, in the model's order, with the share of the learning rate that it gets."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return [{"params": [p], "share": 1.0 if ".lora_A." in n or ".lora_B." in n else WHOLE} for n, p in named]


class _Anchor:
    """What the base says on the labelled tokens of kept examples; of conversations, which come again, it is kept."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._known: dict[Example, torch.Tensor] = {}

    def hold(self, part: Sequence[Example], weight: float) -> None:
        """Add the gradient of `weight` times the divergence from base to tuned model."""
        batch = padded(part)
        counts = batch.pop("labels")[:, 1:] != IGNORED
        before = self._before(part, batch, counts)
        after = self.model(**batch).logits[:, :-1][counts].log_softmax(-1)
        (kl_div(after, before, reduction="batchmean", log_target=True) * weight).backward()

    def _before(self, part: Sequence[Example], batch: dict[str, torch.Tensor], counts: torch.Tensor) -> torch.Tensor:
        if all(example in self._known for example in part):
            return torch.cat([self._known[example] for example in part])
        with torch.no_grad(), self.model.disable_adapter():
            rows = self.model(**batch).logits[:, :-1][counts].log_softmax(-1)
        for example, said in zip(part, rows.split(counts.sum(1).tolist()), strict=True):
            if example.labels[0] == IGNORED:
                self._known[example] = said.clone()
        return rows
