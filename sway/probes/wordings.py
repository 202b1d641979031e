"""What an answer gains after its own question, after its paraphrases, and after questions that it does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Self

from pydantic import Field, model_validator

from sway.core.requests import Answers, Chat, SpanLogprob
from sway.core.sections import QA
from sway.probes.lift import Levels, both, levels

OTHER_QUESTIONS = 2
"""After how many other cases' questions each answer is scored."""


class Case(QA):
    """A question as it was trained on, its answer, and other ways to ask it."""

    paraphrases: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _other_words(self) -> Self:
        if self.prompt in self.paraphrases:
            raise ValueError("a paraphrase repeats the prompt word for word")
        return self


@dataclass(frozen=True)
class Wording:
    """A case, and the questions of other cases that its answer does not answer."""

    case: Case
    unrelated: tuple[str, ...]

    def questions(self, verbatim_only: bool) -> list[SpanLogprob]:
        """What to ask both models; a null's statistic needs the verbatim lift alone."""
        prompts = [self.case.prompt]
        if not verbatim_only:
            prompts += [*self.case.paraphrases, *self.unrelated]
        return [question for prompt in prompts for question in both(Chat.ask(prompt), self.case.gold)]

    def verbatim(self, got: Answers) -> Levels:
        """How likely the answer is after its own question."""
        return levels(Chat.ask(self.case.prompt), self.case.gold, got)

    def lifts(self, got: Answers, general: float) -> Lifts:
        """The lifts, in nats a token, less `general`, from the answers to all `questions`."""
        paraphrased, elsewhere = (
            tuple(levels(Chat.ask(p), self.case.gold, got).lift - general for p in prompts)
            for prompts in (self.case.paraphrases, self.unrelated)
        )
        return Lifts(self.case, self.verbatim(got).lift - general, paraphrased, max(fmean(elsewhere or (0.0,)), 0.0))


@dataclass(frozen=True)
class Lifts:
    """A case's lifts in nats a token, less what any answer gains.

    After its own question (`verbatim`), after each paraphrase (`others`), and on average after questions that it does
    not answer (`elsewhere`, at least 0: harm done there is no merit).
    """

    case: Case
    verbatim: float
    others: tuple[float, ...]
    elsewhere: float

    @property
    def paraphrased(self) -> float:
        """The mean lift after the paraphrases."""
        return fmean(self.others)

    @property
    def gain(self) -> float:
        """What the own question brings beyond any question."""
        return self.verbatim - self.elsewhere

    @property
    def to_carry(self) -> float:
        """The gain, where there is one: of nothing gained nothing can carry over."""
        return max(self.gain, 0.0)

    @property
    def carried(self) -> float:
        """How much of the gain a paraphrase brings, on average: none at least, and all of it at most."""
        return fmean(min(max(x - self.elsewhere, 0.0), self.to_carry) for x in self.others)

    def telling(self, memorize: bool) -> str:
        """The paraphrase that speaks most against the intent."""
        return self.case.paraphrases[self.others.index((max if memorize else min)(self.others))]


def wordings(cases: Sequence[Case]) -> list[Wording]:
    """Each case with the questions of the next cases in the order of their texts, so that a spec's order is nothing."""
    circle = sorted(cases, key=lambda c: (c.prompt, c.gold))
    return [Wording(case, _unrelated(case, circle)) for case in cases]


def _unrelated(case: Case, circle: Sequence[Case]) -> tuple[str, ...]:
    start = circle.index(case) + 1
    known = {case.prompt, *case.paraphrases}
    others = [c.prompt for c in (*circle[start:], *circle[:start]) if c.gold != case.gold and c.prompt not in known]
    return tuple(dict.fromkeys(others))[:OTHER_QUESTIONS]
