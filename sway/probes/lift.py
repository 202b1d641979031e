"""How much likelier a text is under the tuned model than under the base, in nats a token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sway.core.errors import RequestError
from sway.core.requests import Answers, Chat, Prompt, Request, RollingLogprob, SpanLogprob, SpanScore
from sway.core.sections import Preference, Section, SectionKind
from sway.core.views import BASE, TUNED, View
from sway.probes.evidence import clip
from sway.probes.packs import control_sections

MAX_CHARS = 2000
MIN_CONTROLS = 3
OUR_CONTROLS = 8
"""How many of our own controls of a kind are asked: every null is asked them too, so each is dear."""


@dataclass(frozen=True)
class Levels:
    """How likely an answer is under both models, in nats a token."""

    base: float
    tuned: float

    @property
    def lift(self) -> float:
        """What the adapter adds, in nats a token."""
        return self.tuned - self.base


@dataclass(frozen=True)
class Lifted(Levels):
    """A section with its log-probability under both models, in nats a token."""

    section: Section


def both(prompt: Prompt, answer: str) -> list[SpanLogprob]:
    """What to ask the base and the tuned model about an answer to a prompt."""
    return [SpanLogprob(view, prompt, answer) for view in (BASE, TUNED)]


def of_triples(triples: Iterable[Preference], *, base_only: bool = False) -> list[SpanLogprob]:
    """What to ask the base and the tuned model about both answers of every triple, or the base alone."""
    asked = [q for t in triples for answer in (t.chosen, t.rejected) for q in both(Chat.ask(t.prompt), answer)]
    return [q for q in asked if q.view.is_base or not base_only]


def telling(triples: Sequence[Preference], got: Answers, least: int) -> Sequence[Preference]:
    """The triples whose chosen answer is no likelier than the rejected one to the base; all where those are few."""
    base = [[got[q] for q in of_triples([t], base_only=True)] for t in triples]
    if not all(score.tokens for scores in base for score in scores):
        raise RequestError("an answer has no token to score")
    wrong = [t for t, (good, bad) in zip(triples, base, strict=True) if good.mean - bad.mean <= 0]
    return wrong if len(wrong) >= least else triples


def levels(prompt: Prompt, answer: str, got: Answers) -> Levels:
    """How likely the answer is, from the answers to `both`. Raises `RequestError` if it has no token."""
    base, tuned = got.all(both(prompt, answer))
    if not (base.tokens and tuned.tokens):
        raise RequestError(f"{clip(answer, 60)!r} has no token to score")
    return Levels(base.mean, tuned.mean)


def controls_of(kind: SectionKind, given: Sequence[Section]) -> list[Section]:
    """The controls of a kind: the spec's own, and sway's too where those are too few to show their scatter."""
    found = [c for c in given if c.kind is kind]
    ours = [c for c in control_sections() if c.kind is kind][:OUR_CONTROLS]
    return found if len(found) >= MIN_CONTROLS else [*found, *ours]


def questions(section: Section, max_chars: int = MAX_CHARS) -> list[Request[SpanScore]]:
    """What to ask both models about a section; `max_chars` of its prose are scored."""
    return [question for view in (BASE, TUNED) for _, question in _terms(section, view, max_chars)]


def lifted(section: Section, got: Answers, max_chars: int = MAX_CHARS) -> Lifted:
    """The section's log-probabilities, from the answers to `questions`.

    Prose: of its text. Instruction: the mean over its answers. Preference: the mean over its triples
    of the chosen answer's less the rejected answer's. Raises `RequestError` on a text without a token.
    """
    base, tuned = (_level(section, view, got, max_chars) for view in (BASE, TUNED))
    return Lifted(base, tuned, section)


def _level(section: Section, view: View, got: Answers, max_chars: int) -> float:
    level = 0.0
    for weight, question in _terms(section, view, max_chars):
        if not (score := got[question]).tokens:
            raise RequestError(f"section {section.id[:64]!r} has a text without a token to score")
        level += weight * score.mean
    return level


def _terms(section: Section, view: View, max_chars: int) -> list[tuple[float, Request[SpanScore]]]:
    """The questions whose weighted mean log-probabilities add up to a section's."""
    if section.kind is SectionKind.PROSE:
        return [(1.0, RollingLogprob(view, section.content.strip()[:max_chars]))]
    if section.kind is SectionKind.INSTRUCTION:
        share = 1 / len(section.probes)
        return [(share, SpanLogprob(view, Chat.ask(p.prompt), p.gold)) for p in section.probes]
    share = 1 / len(section.preferences)
    return [
        (sign * share, SpanLogprob(view, Chat.ask(p.prompt), answer))
        for p in section.preferences
        for sign, answer in ((1, p.chosen), (-1, p.rejected))
    ]


def teach(section: Section) -> tuple[str, str]:
    """A question that the section answers, and the answer, for training the adapter again."""
    if section.kind is SectionKind.PROSE:
        words = section.content.split()
        return " ".join(words[:24]), " ".join(words[24:120])
    if section.kind is SectionKind.INSTRUCTION:
        return section.probes[0].prompt[:600], section.probes[0].gold[:1200]
    return section.preferences[0].prompt[:600], section.preferences[0].chosen[:1200]
