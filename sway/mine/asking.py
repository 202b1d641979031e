"""Has a miner's questions answered. A miner is a generator of questions, as a probe is, and ends in what it found."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from sway.backends.interface import Backend
from sway.core.errors import PreflightError, RequestError, SwayError
from sway.core.requests import Answers, Request
from sway.engine.ask import Store
from sway.engine.progress import Progress


@dataclass(frozen=True)
class Mined:
    """One thing found: `score` ranks it, `prompt` is to be asked, `of` is the case that it belongs to."""

    prompt: str
    score: float
    of: int = 0


Mining = Generator[Sequence[Request[Any]], Answers, list[Mined]]


def nothing_measured(questions: Sequence[Request[Any]], found: Answers) -> PreflightError:
    """The fault of a search none of whose `questions` could be answered in full: it found nothing out, not nothing."""
    reason = next((why for question in questions if (why := _failure(question, found))), "no answer has a token")
    mend = "mine a spec whose questions and answers the model can read"
    return PreflightError(f"nothing could be measured: {reason}", where="mine", mend=mend)


def _failure(question: Request[Any], found: Answers) -> str:
    try:
        found[question]
    except RequestError as fault:
        return str(fault)
    return ""


def run(mining: Mining, backend: Backend, progress: Progress) -> list[Mined]:
    """Answer every round of questions, and return what was found.

    Raises:
        SwayError: the backend cannot answer such questions, or none of them.
    """
    store, number = Store(), 0
    try:
        questions = next(mining)
        while True:
            number += 1
            missing = [q for q in dict.fromkeys(questions) if q not in store.found]
            if refused := next((why for q in missing if (why := backend.refusal(q))), None):
                raise SwayError(refused, where="mine")
            progress.stage(f"round {number}: {len(missing)} questions")
            store.fill(missing, backend, progress)
            questions = mining.send(Answers(store.found))
    except StopIteration as end:
        return list(end.value)
