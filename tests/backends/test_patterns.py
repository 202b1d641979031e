import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.backends.patterns import matches, pattern_fault
from sway.core.errors import AdapterError

MODULE = "model.language_model.layers.31.self_attn.q_proj"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("q_proj", True),
        ("v_proj", False),
        ("_proj", False),
        (r"layers\.31\..*q_proj", True),
        (r"model.*layers\.\d+\..*_proj", True),
        (r"layers\.(29|30|31)\.self_attn\.(q|k|v|o)_proj", True),
        (r"layers\.(?:[0-2]?[0-9])\.self_attn\.q_proj", False),
        (r"^model.*", True),
    ],
)
def test_patterns_as_people_write_them(pattern, found):
    assert pattern_fault(pattern) == ""
    assert matches(pattern, MODULE) is found
    assert bool(re.match(rf"(.*\.)?({pattern})$", MODULE)) is found


@pytest.mark.parametrize(
    "pattern",
    [".*" * 20 + "x", ".?" * 100 + "x" * 40, r"(\w|.)" * 40 + "!", r"((\w|.)(.|\w))" * 18 + "!", "a{0,9}" * 30],
)
def test_a_search_without_end_is_refused_at_once(pattern):
    start = time.process_time()
    if not pattern_fault(pattern):
        with pytest.raises(AdapterError, match="too long to match"):
            matches(pattern, MODULE)
    assert time.process_time() - start < 1


def test_a_name_without_end_is_refused_at_once():
    with pytest.raises(AdapterError, match="too long to match"):
        matches(".*.*x", "a." * 20_000)


@given(st.text(alphabet=r"ab.*+?()[]{}|\\19,^$:", max_size=60), st.text(alphabet="ab.1", max_size=60))
def test_whatever_the_pattern_it_ends_soon(pattern, module):
    start = time.process_time()
    if not pattern_fault(pattern):
        with contextlib.suppress(AdapterError):
            matches(pattern, module)
    assert time.process_time() - start < 2
