"""Views: the states in which one loaded model can be asked a question.

A view is the base model plus a multiple of one adapter's effect. The adapter is the trained one
or a null: a random adapter of the same shape and size. Views have one canonical form, so that two
ways to name the same state are equal: a multiple of zero is the base, a multiple of one the tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NullFamily(StrEnum):
    """How a null adapter is drawn; `docs/design/nulls.md` says what each one controls for."""

    MATCHED = "matched"
    PERMUTED = "permuted"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, slots=True, order=True)
class NullDraw:
    """The `index`-th random adapter drawn from `seed`.

    `rank_multiplier` m scales the update Delta W by sqrt(m), as a rank of m times r would.
    `init_scale` is the standard deviation of the entries and matters to the gaussian family only.
    """

    seed: int
    index: int
    family: NullFamily = NullFamily.MATCHED
    rank_multiplier: float = 1.0
    init_scale: float = 0.02

    @property
    def key(self) -> str:
        """A stable name, equal for equal draws."""
        return f"{self.family}:{self.seed}:{self.index}:{self.rank_multiplier:g}:{self.init_scale:g}"


@dataclass(frozen=True, slots=True)
class View:
    """The base model plus `scale` times an adapter's effect (the trained one unless `null` is given)."""

    scale: float = 1.0
    null: NullDraw | None = None

    def __post_init__(self) -> None:
        if self.scale == 0:
            object.__setattr__(self, "scale", 0.0)
            object.__setattr__(self, "null", None)

    @property
    def is_base(self) -> bool:
        """Whether no adapter acts in this view."""
        return self.scale == 0

    def under(self, draw: NullDraw) -> View:
        """The same view with the trained adapter replaced by a null."""
        return View(self.scale, draw)

    @property
    def key(self) -> str:
        """A stable name that sorts the base first, then the trained adapter, then the nulls."""
        source = f"2:{self.null.key}" if self.null else "1:tuned"
        return "0:base" if self.is_base else f"{source}:{self.scale:g}"


BASE = View(0.0)
TUNED = View(1.0)
