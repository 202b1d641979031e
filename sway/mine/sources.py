"""What a spec gives to mine from: cases with answers, and prompts."""

from __future__ import annotations

from sway.core.errors import SwayError
from sway.core.sections import QA, SectionKind
from sway.mine.outliers import openings
from sway.suite.spec import LoadedSpec


def cases_of(loaded: LoadedSpec) -> list[QA]:
    """Questions with their answers: of the probes' cases, else of the instruction sections. Each question once.

    Raises:
        SwayError: there is none.
    """
    entries = (getattr(entry.params, "cases", ()) for entry in loaded.spec.suite)
    told = [case for cases in entries for case in cases if isinstance(getattr(case, "gold", None), str)]
    found = [QA(prompt=case.prompt, gold=case.gold) for case in told]
    found = found or [qa for section in loaded.sections for qa in section.probes]
    if not found:
        mend = "add cases with gold answers to a probe, or sections: with questions"
        raise SwayError("there is no question with an answer to mine from", where=str(loaded.path), mend=mend)
    once = {qa.prompt: qa for qa in reversed(found)}
    return list(reversed(once.values()))


def prompts_of(loaded: LoadedSpec, corpus: str | None, most: int) -> list[str]:
    """Prompts to hold against each other: of a text pack where one is named, else of the spec and its sections.

    Raises:
        SwayError: there is none.
    """
    if corpus is not None:
        from sway.probes.packs import passages

        return openings([passage.text for passage in passages(corpus)], most)
    entries = (getattr(entry.params, "prompts", ()) for entry in loaded.spec.suite)
    told = [prompt for prompts in entries for prompt in prompts]
    told += [qa.prompt for section in loaded.sections for qa in section.probes]
    prose = [s.content for s in loaded.sections if s.kind is SectionKind.PROSE]
    found = list(dict.fromkeys([*told, *openings(prose, most)]))[:most]
    if not found:
        mend = "add prompts or sections, or give --from-corpus public_domain_en"
        raise SwayError("there is no prompt to mine from", where=str(loaded.path), mend=mend)
    return found
