"""What a completions server answers, checked; whatever else it sends is left alone."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class Logprobs(_Part):
    """Of each token: its text, its log-probability, and the likeliest tokens in its place. None where nothing is."""

    tokens: list[str] = Field(default_factory=list)
    token_logprobs: list[float | None] = Field(default_factory=list)
    top_logprobs: list[dict[str, float] | None] | None = None


class Message(_Part):
    """A turn of a chat."""

    content: str | None = None


class Choice(_Part):
    """One continuation: `text` of a completion, `message` of a chat."""

    text: str = ""
    message: Message | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class Usage(_Part):
    """How many tokens a request took."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(_Part):
    """A server's answer."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


class Refusal(_Part):
    """A server's account of what is wrong: OpenAI's shape, or FastAPI's."""

    error: Any = None
    message: Any = None
    detail: Any = None

    @property
    def said(self) -> str:
        """The account as text."""
        inner = self.error.get("message") if isinstance(self.error, dict) else self.error
        return str(inner or self.message or self.detail or "")
