from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import SwayError, to_install
from sway.core.sections import QA, Preference
from sway.integrations.dlm import fences, package
from sway.integrations.dlm.bodies import preferences, questions
from sway.integrations.dlm.document import Document, Part, read_document
from sway.integrations.dlm.resolver import sections_of

PATH = Path("doc.dlm")
MATTER = "---\ndlm_id: 01HZXYABCDEFGHJKMNPQRSTVWX\nbase_model: hf:org/model\n"
ADAPTERS = "training: {adapters: {tone: {}, facts: {}}}\n"
LINES = [
    "", " ", "text", "# Heading", "::prose::", "::instruction::", "::instruction#tone::", "::preference::",
    "::preference#facts::", "::instruction#::", "::instruction#Tone::", "::nothing::", "::image::", " ::instruction::",
    '::image path="a.png"::', '::image path="a.png" alt="x"::', '::image alt="x"::', '::image path="é.png"::',
    '::audio path="a.wav" transcript="x"::', '::image path="a" path="b"::', '::prose path="a"::', "```", "```python",
    "### Q", "### A", "### Q !probe", "### Prompt", "### Chosen", "### Rejected", "---", "\ufefftext", "a\x85b",
    '<!-- dlm-auto-harvest: source="run" -->',
    '<!-- dlm-auto-synth: synth_teacher="t" synth_strategy="s" synth_at="2026-01-01" '
    'source_section_id="0123456789abcdef" -->',
]  # fmt: skip
bodies = st.lists(st.sampled_from(LINES) | st.text(max_size=8).filter(lambda t: "\n" not in t), max_size=24)


def read(reader, text: str) -> Document | str:
    """The document, or which file is refused."""
    try:
        return reader(text, PATH)
    except SwayError as fault:
        return fault.where.partition(":")[0]


@given(bodies, st.booleans(), st.booleans())
def test_both_readers_read_the_same(lines, several, ended):
    text = MATTER + (ADAPTERS if several else "") + "---\n" + "\n".join(lines) + ("\n" if ended else "")
    text = text.replace("\r", "")
    assert read(fences.parse, text) == read(package.parse, text)


@given(st.lists(st.sampled_from(LINES[:4] + LINES[23:30]), max_size=12), st.sampled_from(["instruction", "preference"]))
def test_questions_and_choices_are_those_that_are_trained_on(lines, kind):
    from dlm.data.errors import DataError
    from dlm.data.sections_to_rows import sections_to_rows
    from dlm.doc.sections import Section

    content = "\n".join(lines)
    document = Document(PATH, "", "", (), (part := Part(kind, content, 1, None, "id"),))
    try:
        rows = sections_to_rows([Section(type=kind_of(kind), content=content)])
    except DataError:
        with pytest.raises(SwayError, match=r"doc\.dlm:\d+: "):
            [*questions(document, part), *preferences(document, part)]
        return
    ours = [a.qa for a in questions(document, part)] + list(preferences(document, part))
    assert ours == [trained(row) for row in rows]


def kind_of(name: str):
    from dlm.doc.sections import SectionType

    return SectionType(name)


def trained(row):
    if "messages" in row:
        return QA(prompt=row["messages"][0]["content"], gold=row["messages"][1]["content"])
    return Preference(prompt=row["prompt"], chosen=row["chosen"], rejected=row["rejected"])


@pytest.mark.parametrize("reader", [fences.parse, package.parse])
@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("!!bool x", 4),
        ('!!int ""', 4),
        ("!!float -", 4),
        ("!!float 1" + ":1" * 400, 4),
        ("!!timestamp x", 4),
        ("!!timestamp {=: 1}", 4),
        ("!!binary é", 4),
        ("!!set x", 4),
        ("2001-99-99", 4),
        ("0x" + "F" * 5000, 4),
        ('"\\UFFFFFFFF"', 2),
        ("9" * 5000, 4),
    ],
)
def test_a_malformed_value_in_the_front_matter_is_one_line_with_its_place(reader, value, line):
    with pytest.raises(SwayError) as caught:
        reader(f"{MATTER}dlm_version: {value}\n---\n", PATH)
    assert caught.value.where == f"doc.dlm:{line}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [fences.parse, package.parse])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("text\n", 1),
        ("---\nno end\n", 1),
        ("---\n[1, 2]\n---\n", 2),
        ("---\na: [\n---\n", 2),
        ("---\nbase_model: m\n---\n", 2),
        ("---\ndlm_id: ../../etc\nbase_model: m\n---\n", 2),
        ("---\ndlm_id: 01HZXYABCDEFGHJKMNPQRSTVWX\n---\n", 2),
        (MATTER + "dlm_version: 99\n---\n", 2),
        (MATTER + "dlm_version: true\n---\n", 2),
        (MATTER + "training: {adapters: {../x: {}}}\n---\n", 2),
        (MATTER + "---\n\ntext\n::what::\n", 7),
        (MATTER + "---\n\ntext\n```\n::instruction::\n", 6),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(reader, text, line):
    with pytest.raises(SwayError) as caught:
        reader(text, PATH)
    assert caught.value.where == f"doc.dlm:{line}"
    assert "\n" not in str(caught.value)


def test_a_document_may_have_windows_line_ends_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "doc.dlm"
    plain = MATTER + "---\n\nOne line.\n\n::instruction::\n### Q\nWhy?\n### A\nSo.\n"
    path.write_bytes(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode())
    for reader in (fences.parse, package.parse):
        assert read_document(path, reader).parts == reader(plain, path).parts


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff\xfe", "not UTF-8"), (None, "cannot be read"), (b"x" * 16_000_001, "larger than")]
)
def test_unreadable_files_are_one_line(tmp_path, content, message):
    path = tmp_path / "doc.dlm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SwayError, match=message):
        read_document(path)


def test_a_section_that_stands_twice_counts_once():
    text = MATTER + "---\n\nSame.\n::instruction::\n### Q\na\n### A\nb\n::prose::\nSame.\n"
    assert [s.kind for s in sections_of(fences.parse(text, PATH))] == ["prose", "instruction"]


@pytest.mark.parametrize(
    ("adapter", "kinds"), [(None, "prose q1 q2 q3"), ("tone", "prose q1 q2"), ("facts", "prose q3")]
)
def test_sections_are_routed_as_in_training(adapter, kinds):
    qa = "### Q\nq{0}\n### A\na\n"
    body = f"prose\n::instruction::\n{qa.format(1)}::instruction#tone::\n{qa.format(2)}::instruction#facts::\n"
    document = fences.parse(MATTER + ADAPTERS + "---\n\n" + body + qa.format(3), PATH)
    told = [s.probes[0].prompt if s.probes else s.content for s in sections_of(document, adapter)]
    assert told == kinds.split()


def test_routing_is_that_of_the_tool():
    from dlm.doc.parser import parse_text
    from dlm.train.multi_adapter.router import build_plan

    body = "prose\n::instruction::\n### Q\nq\n### A\na\n::preference#facts::\n### Prompt\na\n### Chosen\nb\n"
    text = MATTER + ADAPTERS + "---\n\n" + body + "### Rejected\nc\n"
    plan = build_plan(parse_text(text))
    for name in ("tone", "facts"):
        ours = [s.id for s in sections_of(fences.parse(text, PATH), name)]
        assert ours == [s.section_id for s in plan.by_adapter[name]]


def test_a_document_of_a_later_tool_says_how_to_install_one_that_reads_it():
    with pytest.raises(SwayError) as caught:
        fences.parse(MATTER + "dlm_version: 99\n---\n", PATH)
    assert caught.value.mend.endswith(to_install("dlm"))
