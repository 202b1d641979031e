"""A case of tool use, and what base and tuned model made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sway.probes.evidence import brief, clip
from sway.probes.tools.schema import fault
from sway.probes.tools.spec import Attempt, read_tools
from sway.stats.structures import leaf_disagreement

Name = Annotated[str, Field(min_length=1, max_length=256)]


class ToolCase(BaseModel):
    """A request, the tools offered with it, and the call that answers it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(min_length=1, description="What the user asks.")
    tool_spec: dict[str, Any] | list[dict[str, Any]] = Field(
        description="The tools offered: a function object, OpenAI's wrapping of one, or a list."
    )
    gold_tool_name: Name = Field(description="The tool that should be called.")
    max_new_tokens: int = Field(default=256, ge=1, le=4096, description="Most tokens of a reply.")
    gold_arguments: dict[str, Any] | None = Field(default=None, description="What it should be called with, if known.")

    @field_validator("tool_spec")
    @classmethod
    def _usable(cls, given: Any) -> Any:
        read_tools(given)
        return given

    @model_validator(mode="after")
    def _gold_fits(self) -> ToolCase:
        if self.gold_tool_name not in (functions := read_tools(self.tool_spec)):
            raise ValueError(f"gold_tool_name {clip(self.gold_tool_name, 60)!r} is not in tool_spec")
        given = self.gold_arguments
        if given is not None and (why := fault(functions[self.gold_tool_name]["parameters"], given)):
            raise ValueError(f"gold_arguments do not satisfy the tool's schema: {why}")
        return self


@dataclass(frozen=True)
class Found:
    """A case with both replies."""

    case: ToolCase
    base: Attempt
    tuned: Attempt

    @property
    def loss(self) -> int:
        """1 where the base's reply is valid and the tuned model's is not, -1 the other way round, else 0."""
        return self.base.valid - self.tuned.valid

    @property
    def calls_gold(self) -> bool:
        """Whether any of the tuned model's calls is of the tool that should be called."""
        return any(call.name == self.case.gold_tool_name for call in self.tuned.calls)

    @property
    def apart(self) -> float | None:
        """How far the tuned model's arguments are from the gold ones, else from the base's; None without either."""
        if not self.tuned.valid or (self._wanted is None):
            return None
        return leaf_disagreement(self._wanted, self.tuned.calls[0].arguments)

    @property
    def reference(self) -> str:
        """The call that should have been made, as JSON; the base's arguments stand in for gold ones."""
        return json.dumps({"name": self.case.gold_tool_name, "arguments": self._wanted or {}}, ensure_ascii=False)

    @property
    def _wanted(self) -> dict[str, Any] | None:
        if self.case.gold_arguments is not None or not self.base.valid:
            return self.case.gold_arguments
        return self.base.calls[0].arguments

    def row(self) -> dict[str, Any]:
        """What a reader needs to agree or disagree."""
        return {
            "prompt": clip(self.case.prompt),
            "gold": clip(self.case.gold_tool_name, 64),
            "base": _shown(self.base),
            "tuned": _shown(self.tuned),
            "arg_disagreement": None if self.apart is None else brief(self.apart),
        }


def _shown(made: Attempt) -> dict[str, Any]:
    return {"valid": made.valid, "why": clip(made.why), "reply": clip(made.reply, 200)}
