"""What a loaded model has been used for so far, and who is told of each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sway.backends.hf.runner import Cost as Passes
from sway.core.results import NOTHING, Cost
from sway.core.trace import Batch, Tracer
from sway.core.views import TUNED, View


@dataclass
class Spent:
    """Sums over everything that was asked. `views` are the keys of the views that were shown."""

    passes: Sequence[Passes]
    tracer: Tracer | None = None
    requests: int = 0
    batches: int = 0
    cost: Cost = NOTHING
    views: set[str] = field(default_factory=set)

    @property
    def forward_passes(self) -> int:
        """Of all the models together."""
        return sum(each.forward_passes for each in self.passes)

    @property
    def tokens(self) -> int:
        """Of all the models together, with padding."""
        return sum(each.tokens for each in self.passes)

    def add(self, kind: Literal["score", "write"], views: Sequence[View], width: int, cost: Cost, tokens: int) -> None:
        """Count a batch, whose rows show `views`, and tell of it."""
        self.batches += 1
        self.cost += cost
        if self.tracer is not None:
            self.tracer(
                Batch(
                    number=self.batches,
                    kind=kind,
                    rows=len(views),
                    width=width,
                    views=dict(Counter(_sort(view) for view in views)),
                    forward_passes=int(cost.forward_passes),
                    tokens=tokens,
                    seconds=cost.seconds,
                    cpu_seconds=cost.cpu_seconds,
                )
            )


def _sort(view: View) -> Literal["base", "tuned", "partial", "null"]:
    if view.is_base:
        return "base"
    if view.null is not None:
        return "null"
    return "tuned" if view == TUNED else "partial"
