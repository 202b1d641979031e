"""What a spec says, as checked and resolved values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializeAsAny, WithJsonSchema, model_validator

from sway.core.measurement import Category
from sway.core.model import ModelSpec
from sway.core.probe import Params
from sway.core.sections import Section
from sway.suite.problems import NodePath, nearest

_SCORED = frozenset(Category) - {Category.BASELINE}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _category(name: str) -> str:
    if name not in set(Category):
        raise ValueError(f"{name!r} is no category; {nearest(name, Category)}")
    return name


CategoryName = Annotated[
    str, AfterValidator(_category), WithJsonSchema({"type": "string", "enum": [str(c) for c in Category]})
]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Models(_Part):
    """The base model, and the base model with the adapter."""

    base: ModelSpec = Field(description="The model before fine-tuning.")
    ft: ModelSpec = Field(description="The same model with the adapter.")


class Defaults(_Part):
    """Settings of the whole suite."""

    seed: int = Field(default=0, ge=0, lt=2**32, description="Seeds every generator before the first probe.")
    top_k: int = Field(default=256, ge=1, description="Tokens in the support of next-token divergences.")
    differential: bool = Field(
        default=True, description="Load one model and toggle the adapter; false loads two models."
    )
    coverage_threshold: float = Field(
        default=0.6, ge=0, le=1, description="Least share of the weight that must be measured for a full score."
    )
    concurrent_probes: int = Field(
        default=1, ge=1, le=32, description="Accepted and without effect: questions are batched across probes."
    )
    score_weights: dict[CategoryName, Weight] = Field(
        default_factory=dict, description="Weights of categories in the composite score; others keep theirs."
    )
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="False pass rate of each superiority claim.")

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        weights = self.score_weights
        if set(weights) >= _SCORED and not any(weights.values()):
            raise ValueError("every weight in score_weights is zero: leave at least one above zero")
        return self


class Head(_Part):
    """What every probe of the suite has, whatever its kind."""

    name: str = Field(min_length=1, max_length=200, description="Names the probe in reports; unique in the suite.")
    kind: str = Field(min_length=1, description="Which probe it is.")
    enabled: bool = Field(default=True, description="false reports the probe as skipped.")
    weight: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="Weight among the probes of its category."
    )
    required: bool | None = Field(
        default=None, description="Whether the gate needs this probe to pass; null leaves it to the kind."
    )


class Entry(Head):
    """One probe of the suite. In the file its parameters stand beside `name` and `kind`."""

    params: SerializeAsAny[Params] = Field(default_factory=Params)
    line: int = Field(default=0, exclude=True)

    def document(self) -> dict[str, Any]:
        """The entry as it would stand in a file; parameters at their defaults are left out."""
        settings = {"enabled": self.enabled, "weight": self.weight, "required": self.required}
        usual = {"enabled": True, "weight": 1.0, "required": None}
        changed = {key: value for key, value in settings.items() if value != usual[key]}
        params = self.params.model_dump(mode="json", exclude_unset=True)
        return {"name": self.name, "kind": self.kind, **changed, **params}


class Spec(_Part):
    """A whole spec. Paths are absolute."""

    version: Literal[1] = 1
    models: Models
    defaults: Defaults = Field(default_factory=Defaults)
    suite: tuple[Entry, ...]
    dlm_source: str | None = None
    sections: tuple[Section, ...] = ()
    controls: tuple[Section, ...] = ()

    def document(self) -> dict[str, Any]:
        """The spec as plain data that `sway.suite.loader.spec_from_data` reads back to an equal spec."""
        texts = {"sections": self.sections, "controls": self.controls}
        return {
            "version": self.version,
            "models": self.models.model_dump(mode="json", exclude_unset=True),
            "defaults": self.defaults.model_dump(mode="json"),
            "suite": [entry.document() for entry in self.suite],
            **({"dlm_source": self.dlm_source} if self.dlm_source else {}),
            **{k: [s.model_dump(mode="json", exclude_defaults=True) for s in v] for k, v in texts.items() if v},
        }


@dataclass(frozen=True)
class LoadedSpec:
    """A spec with where it came from. `lines` maps a path such as `suite[2].prompts` to its line."""

    spec: Spec
    path: Path
    lines: Mapping[NodePath, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder, absolute."""
        return Path(self.spec.models.ft.adapter) if self.spec.models.ft.adapter else None

    @property
    def sections(self) -> tuple[Section, ...]:
        """The text that the adapter was trained on, as far as the spec gives it."""
        return self.spec.sections

    @property
    def controls(self) -> tuple[Section, ...]:
        """Text that the adapter was not trained on, as far as the spec gives it."""
        return self.spec.controls

    def line(self, path: str) -> int:
        """The line of `suite[2].prompts` and the like, of what surrounds it if it is not in the file, at least 1."""
        steps: NodePath = tuple(
            int(index) if index else key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
        )
        found = (self.lines[steps[:end]] for end in range(len(steps), -1, -1) if steps[:end] in self.lines)
        return next(found, 1)
