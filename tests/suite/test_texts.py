import json

import pytest

from tests.suite.conftest import MODELS, SUITE

HEAD = "version: 1\n" + MODELS + SUITE


@pytest.fixture
def sections(load, folder):
    def sections(name, text):
        (folder / name).write_text(text)
        return load(HEAD + f"sections: {name}\n").sections

    return sections


@pytest.fixture
def faulty(faults, folder):
    def faulty(name, text):
        (folder / name).write_text(text)
        return faults(HEAD + f"controls: {name}\n")

    return faulty


def test_inline_and_file_give_the_same_sections(load, sections, folder):
    items = [
        {"kind": "prose", "content": "Some text."},
        {"kind": "instruction", "probes": [{"prompt": "Q", "gold": "A"}], "tag": "t", "id": "mine"},
        {"kind": "preference", "preferences": [{"prompt": "Q", "chosen": "A", "rejected": "B"}]},
    ]
    inline = load(HEAD + f"sections: {json.dumps(items)}\n").sections
    assert len({s.id for s in inline}) == 3
    assert sections("s.json", json.dumps(items)) == inline
    assert sections("s.yaml", json.dumps(items)) == inline
    assert sections("s.yml", json.dumps(items, indent=1)) == inline


def test_markdown_gives_a_prose_section_a_heading(sections):
    text = """\
Before any heading.

# First *one*
Text of the first.

```python
# a comment, no heading
```

## Empty
### Third ##
~~~~
# inert
~~~
# still inert
~~~~
Last.
#hashtag is text
"""
    got = [(s.tag, s.content) for s in sections("doc.md", text)]
    assert got == [
        (None, "Before any heading."),
        ("First *one*", "Text of the first.\n\n```python\n# a comment, no heading\n```"),
        ("Third", "~~~~\n# inert\n~~~\n# still inert\n~~~~\nLast.\n#hashtag is text"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "c.json",
            '[\n {"kind": "prose", "content": "x"},\n\n {"kind": "prose"}\n]',
            ["c.json:4: [1]: a section of kind"],
        ),
        (
            "c.yaml",
            "- kind: instruction\n  probes:\n  - {prompt: q}\n- kind: prse\n",
            ["c.yaml:3: [0].probes[0].gold: is required", "c.yaml:4: [1].kind: 'prse' is not one of prose"],
        ),
        ("c.json", '[{"kind": "prose", "kind": "prose"}]', ["c.json:1: not valid JSON: the key 'kind' appears twice"]),
        ("c.json", "[1\n,\n]", ["c.json:3:1: not valid JSON: Expecting value"]),
        ("c.json", "[1\n 2]", ["c.json:2:2: not valid JSON: Expecting ',' or ']'"]),
        ("c.json", "[] x", ["c.json:1:4: not valid JSON: Extra data"]),
        ("c.json", '{"a": 1}', ["c.json:1: must be a list of sections"]),
        ("c.json", "[]", ["c.json:1: holds no section"]),
        ("c.json", "[" * 100_000, ["c.json: nested too deeply"]),
        ("c.json", '[{"kind": "prose", "content": 1e999}]', ["c.json:1: [0].content: must be a finite number"]),
        ("c.json", '[{"kind": "prose", "content": "\\ud800"}]', ["half of a surrogate pair"]),
        ("c.yaml", "a: [", ["c.yaml:1:5: not valid YAML"]),
        ("c.md", "# Only\n## headings\n", ["c.md: holds no section"]),
        ("c.md", "# A\nsame\n# B\nsame\n", ["c.md:3: [1]: repeats the section that stands first at c.md:1"]),
        ("c.txt", "hello", ["c.txt: sections cannot be read from '.txt' files"]),
    ],
)
def test_faults_carry_the_section_files_own_lines(faulty, name, text, expected):
    lines = faulty(name, text)
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line


def test_a_section_file_that_is_a_folder_is_one_line(faults, folder):
    (folder / "f.md").mkdir()
    (line,) = faults(HEAD + "sections: f.md\n")
    assert line.startswith("f.md: this is a folder, not a section file")
