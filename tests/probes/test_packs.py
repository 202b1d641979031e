from collections import Counter

from sway.core.sections import SectionKind
from sway.probes.packs import check_prompts, control_sections, general_knowledge, passages


def test_there_are_enough_controls_of_every_kind():
    counts = Counter(s.kind for s in control_sections())
    assert counts[SectionKind.PROSE] >= 12
    assert counts[SectionKind.INSTRUCTION] >= 12
    assert counts[SectionKind.PREFERENCE] >= 8
    assert len({s.id for s in control_sections()}) == sum(counts.values())


def test_control_prose_is_of_a_section_s_length():
    assert all(300 <= len(s.content) <= 900 for s in control_sections() if s.kind is SectionKind.PROSE)


def test_passages_fill_the_default_chunks_and_name_their_source():
    found = passages("public_domain_en")
    assert sum(len(p.text) for p in found) >= 24_000
    assert len(found) >= 16
    assert all(p.year < 1900 and p.author and p.title for p in found)
    assert len({p.text for p in found}) == len(found)


def test_there_are_prompts_for_a_first_look():
    assert len(set(check_prompts())) == 8


def test_general_knowledge_is_two_hundred_facts_of_ten_subjects():
    facts = general_knowledge()
    assert Counter(f.topic for f in facts) == dict.fromkeys({f.topic for f in facts}, 20)
    assert len(facts) == len({f.prompt.lower() for f in facts}) == 200
    assert len({f.topic for f in facts}) == 10


def test_a_fact_is_an_unfinished_sentence_and_a_short_ending():
    for fact in general_knowledge():
        assert fact.prompt == fact.prompt.strip(), fact
        assert 8 <= len(fact.prompt) <= 90, fact
        assert fact.prompt[0].isupper(), fact
        assert fact.prompt[-1].isalnum(), fact
        assert 1 <= len(fact.gold.split()) <= 3, fact
        assert fact.gold.isascii(), fact


def test_the_first_facts_are_one_of_every_subject():
    facts = general_knowledge()
    for start in range(0, 200, 10):
        assert len({f.topic for f in facts[start : start + 10]}) == 10
