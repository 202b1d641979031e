"""What stands inside instruction and preference sections: questions with answers, and choices between answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sway.core.errors import SwayError
from sway.core.sections import QA, Preference
from sway.integrations.dlm.document import Document, Part

_QUESTION, _PROBE, _ANSWER = "### Q", "### Q !probe", "### A"
_CHOICE = ("### Prompt", "### Chosen", "### Rejected")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer; `probe` marks one that the author wants asked."""

    qa: QA
    probe: bool


def questions(document: Document, part: Part) -> tuple[Asked, ...]:
    """The questions of an instruction section.

    Raises:
        SwayError: with the line, where it is not `### Q` and `### A` in turn.
    """
    if part.kind != "instruction":
        return ()
    headers = ((_QUESTION, _PROBE), (_ANSWER,))
    found = _records(document, part, headers, stops=(_QUESTION, _PROBE, _ANSWER))
    return tuple(Asked(QA(prompt=texts[0], gold=texts[1]), names[0] == _PROBE) for names, texts in found)


def preferences(document: Document, part: Part) -> tuple[Preference, ...]:
    """The choices of a preference section.

    Raises:
        SwayError: with the line, where it is not `### Prompt`, `### Chosen` and `### Rejected` in turn.
    """
    if part.kind != "preference":
        return ()
    found = _records(document, part, tuple((name,) for name in _CHOICE), stops=_CHOICE)
    return tuple(Preference(prompt=p, chosen=c, rejected=r) for _, (p, c, r) in found)


Record = tuple[list[str], list[str]]


def _records(
    document: Document, part: Part, headers: Sequence[tuple[str, ...]], stops: tuple[str, ...]
) -> Iterator[Record]:
    """The headers and texts of each record. A text ends at a blank line or at the next header."""
    lines = [line.strip() for line in part.content.splitlines()]
    raw = part.content.splitlines()
    at, count = _skip(lines, 0), 0
    while at < len(lines):
        names, texts = list[str](), list[str]()
        for allowed in headers:
            at = _header(document, part, lines, at, allowed)
            names.append(lines[at - 1])
            end = next((i for i in range(at, len(lines)) if not lines[i] or lines[i] in stops), len(lines))
            text = "\n".join(raw[at:end]).strip()
            if not text:
                raise _fault(document, part, at, f"nothing stands under {names[-1]}")
            texts.append(text)
            at = end + 1 if end < len(lines) and not lines[end] else end
        yield names, texts
        at, count = _skip(lines, at), count + 1
    if not count:
        raise _fault(document, part, 0, f"the section holds no {headers[0][0]}")


def _skip(lines: list[str], at: int) -> int:
    """The first line from `at` on that is not blank."""
    return next((i for i in range(at, len(lines)) if lines[i]), len(lines))


def _header(document: Document, part: Part, lines: list[str], at: int, allowed: tuple[str, ...]) -> int:
    """The line after a header that must stand at `at`."""
    if at < len(lines) and lines[at] in allowed:
        return at + 1
    shown = f"{lines[at][:60]!r}" if at < len(lines) else "the end of the section"
    mend = "headers stand alone on their lines, and a text ends at its first blank line"
    raise _fault(document, part, at, f"{shown} stands where {allowed[0]} must", mend)


def _fault(document: Document, part: Part, at: int, what: str, mend: str = "mend the section") -> SwayError:
    return SwayError(what, where=f"{document.path}:{part.line + 1 + at}", mend=mend)
