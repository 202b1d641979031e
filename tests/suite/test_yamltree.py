import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.core.errors import SpecError
from sway.suite.problems import Problems
from sway.suite.yamltree import parse


def read(text):
    problems = Problems("f.yaml")
    tree = parse(text, problems)
    problems.raise_any()
    return tree


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "f.yaml: the file is empty"),
        ("# only a comment\n", "f.yaml: the file is empty"),
        ("a: [1,\n", "f.yaml:2:1: not valid YAML: "),
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: \tb\n\tc: d\n", "f.yaml:1:4: not valid YAML: found character"),
        ("--- a\n--- b\n", "f.yaml:2:1: not valid YAML: but found another document"),
        ("a: *nothing\n", "f.yaml:1:4: not valid YAML: found undefined alias 'nothing'"),
        ("a: \x07\n", "f.yaml: character number 4 is not allowed in YAML"),
        ("a: 1\na: 2\n", "f.yaml:2: a: the key 'a' appears twice (it is on line 1 too; keep one)"),
        ("a: !!python/object:os.system x\n", "f.yaml:1: a: the tag 'tag:yaml.org,2002:python/object:os.system' is not"),
        ("a: !!python/object/apply:os.system [x]\n", "is not allowed (remove the tag)"),
        ("a: !!binary aGk=\n", "is not allowed (remove the tag)"),
        ("a: !!set {x}\n", "is not allowed (remove the tag)"),
        ("a: !custom {x: 1}\n", "f.yaml:1: a: the tag '!custom' is not allowed (remove the tag)"),
        ("a: !!int x\n", "f.yaml:1: a: not a value of its tag's type"),
        ("a:\n- .nan\n", "f.yaml:2: a[0]: must be a finite number"),
        ("a: " + "9" * 5000 + "\n", "f.yaml:1: a: not a value of its tag's type"),
        ('a: "\\ud83d"\n', "f.yaml:1: a: holds half of a surrogate pair, which is no character"),
        ('a: "x\\0y"\n', "f.yaml:1: a: holds a NUL character"),
        ("{1: 2}", "f.yaml:1: a key must be text (put it in quotes)"),
        ("[a, b]: 2", "f.yaml:1: a key must be text (put it in quotes)"),
        ("a: &a [*a]\n", "f.yaml:1: an alias refers to a part that contains it"),
        ("a: &a {<<: *a}\n", "f.yaml:1: an alias refers to a part that contains it"),
        ("{<<: 3}", "f.yaml:1: '<<' takes a mapping or a list of mappings"),
        ("x: 1\na:\n  <<: !anchors {b: 1}\n", "f.yaml:3: a: the tag '!anchors' is not allowed (remove the tag)"),
        ("x: 1\na: {<<: [!!set {b}]}\n", "f.yaml:2: a: the tag 'tag:yaml.org,2002:set' is not allowed"),
        ('x: 1\na: "\\UFFFFFFFF"\n', "f.yaml:2:7: not valid YAML: a number that is out of range"),
        ('a: "\\U00110000"\n', "f.yaml:1:7: not valid YAML: a number that is out of range"),
        ("%YAML " + "9" * 5000 + "\n", "f.yaml:1:7: not valid YAML: a number that is out of range"),
        ("[" * 200 + "]" * 200, "f.yaml:1: nested more than 100 levels deep"),
        ("[" * 9000, "f.yaml: nested more than 100 levels deep"),
    ],
)
def test_a_fault_is_one_line_with_its_place(text, line):
    with pytest.raises(SpecError) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert line in str(problem)
    assert "\n" not in str(problem)


TAGS = ["str", "int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "map", "seq", "value"]
PLAIN = ["", "x", "+", "-", "_", ".", "0x", "0b", "1:", "1" + ":1" * 400, "9" * 5000, "2001-99-99", "=", "é"]
VALUES = [*(f'"{value}"' for value in PLAIN), *PLAIN, "[x]", "{x: 1}", "{=: 1}"]
tagged = st.builds("!!{} {}".format, st.sampled_from(TAGS), st.sampled_from(VALUES))


@given(tagged, st.sampled_from(["a: {}", "{}: 1", "a: {{<<: {}}}", "- [{}, 2]", "{}"]))
def test_a_malformed_value_of_any_tag_is_a_value_or_a_fault_with_its_place(value, place):
    problems = Problems("f.yaml")
    with suppress(SpecError):
        parse(place.format(value) + "\n", problems)
    assert all(re.match(r"f\.yaml:1(:\d+)?: ", str(problem)) for problem in problems.found)


@pytest.mark.parametrize(
    "bomb", ["[*{0},*{0},*{0},*{0},*{0},*{0},*{0},*{0},*{0}]", "{{<<: [*{0}, *{0}, *{0}, *{0}], k{1}: 1}}"]
)
def test_a_bomb_of_aliases_ends_soon(bomb):
    head = "l0: &l0 [x]\n" if bomb.startswith("[") else "l0: &l0 {x: 1}\n"
    text = head + "".join(f"l{i}: &l{i} {bomb.format(f'l{i - 1}', i)}\n" for i in range(1, 20))
    before = time.process_time()
    with pytest.raises(SpecError, match="more than 200,000 values once aliases are expanded"):
        read(text)
    assert time.process_time() - before < 30


def test_merge_keys_give_way_to_the_mappings_own():
    tree = read("base: &b {x: 1, y: [2]}\nmore:\n  <<: *b\n  x: 3\n")
    assert tree.data["more"] == {"x": 3, "y": [2]}
    assert tree.lines[("more", "x")] == 4
    assert tree.lines[("more", "y")] == 1


def test_scalars_mean_what_people_expect():
    text = "- 1e-3\n- 2024-01-01\n- =\n- <<\n- 3\n- null\n- true\n- '4'\n- \"\\ud83d\\ude00\"\n- +1.5E3\n"
    assert read(text).data == [0.001, "2024-01-01", "=", "<<", 3, None, True, "4", "\U0001f600", 1500.0]
