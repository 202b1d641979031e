"""Which model to load, and how."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Kind = Literal["hf", "mlx", "api", "dummy", "custom"]
DType = Literal["auto", "fp16", "bf16", "fp32"]


def _as_text(path: Any) -> Any:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


class ModelSpec(BaseModel):
    """One entry of `models:` in a spec."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = Field(default="hf", description="Which backend loads the model.")
    base: str = Field(min_length=1, description="Hub id or folder of the base model.")
    adapter: Annotated[str | None, BeforeValidator(_as_text)] = Field(
        default=None, description="Adapter folder, relative to the spec."
    )
    dtype: DType = Field(default="auto", description="auto is fp32 on CPU and bf16 on CUDA.")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N or mps.")
    trust_remote_code: bool = Field(default=False, description="Run code that the model repository ships.")
    entry_point: str | None = Field(default=None, description="package.module:Class of a custom backend.")
    endpoint: str | None = Field(default=None, description="URL of an OpenAI-compatible server.")
    revision: str | None = Field(default=None, description="Hub revision of the base model.")
