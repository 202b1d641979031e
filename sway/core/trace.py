"""A run batch by batch: what each forward pass, or each batch of replies, had in it and took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sway.core.errors import SwayError

MAX_BYTES = 256 << 20


class Batch(BaseModel):
    """One batch. `views` counts its rows by what they show; `tokens` counts padding; times are of this batch alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    number: int = Field(ge=1)
    kind: Literal["score", "write"]
    rows: int = Field(ge=0)
    width: int = Field(ge=0, description="Tokens of a row, padding included; of a row's prompt where it writes.")
    views: dict[Literal["base", "tuned", "partial", "null"], int]
    forward_passes: int = Field(ge=0)
    tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)
    cpu_seconds: float = Field(ge=0)


Tracer = Callable[[Batch], None]


@contextmanager
def trace_to(path: Path) -> Iterator[Tracer]:
    """Write each batch that is told as a line of JSON. The file is made with the first, and whole after each."""
    file: TextIO | None = None

    def tell(batch: Batch) -> None:
        nonlocal file
        try:
            file = file or path.open("w", encoding="utf-8")
            file.write(batch.model_dump_json() + "\n")
            file.flush()
        except OSError as fault:
            what = f"cannot be written: {fault.strerror}"
            raise SwayError(what, where=str(path), mend="choose another path for --trace") from None

    try:
        yield tell
    finally:
        if file is not None:
            file.close()


def read_trace(path: Path) -> list[Batch]:
    """The batches of a trace. A last line that a stopped run left unfinished is left out.

    Raises:
        SwayError: the file cannot be read, is too large, or a line is no batch.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SwayError(f"is larger than {MAX_BYTES >> 20} MB, more than a trace is", where=str(path))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not text"
        raise SwayError(f"cannot be read: {reason}", where=str(path)[:200], mend="give a file of --trace") from None
    *lines, rest = text.split("\n")
    if not lines and not rest.strip():
        raise SwayError("is empty", where=str(path), mend="give a file that sway run --trace wrote")
    return [_batch(line, f"{path}:{i}") for i, line in enumerate(lines or [rest], start=1)]


def _batch(line: str, where: str) -> Batch:
    try:
        return Batch.model_validate_json(line)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"is no batch of a trace: {f'{place}: ' if place else ''}{first['msg']}"
        raise SwayError(what, where=where, mend="give a file that sway run --trace wrote") from None
