import json

from hypothesis import given
from hypothesis import strategies as st

from sway.stats.structures import leaf_disagreement

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3, allow_nan=False) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=2), v, max_size=3), max_leaves=10
)


@given(VALUES, VALUES)
def test_it_is_a_symmetric_share(one, other):
    found = leaf_disagreement(one, other)
    assert 0 <= found <= 1
    assert found == leaf_disagreement(other, one)


@given(VALUES)
def test_a_value_agrees_with_itself_however_it_is_written(value):
    assert leaf_disagreement(value, json.loads(json.dumps(value))) == 0


@given(VALUES, VALUES)
def test_only_equal_values_agree(one, other):
    if leaf_disagreement(one, other) == 0:
        assert one == other


def test_numbers_are_compared_by_value_and_apart_from_booleans():
    assert leaf_disagreement({"n": 1}, {"n": 1.0}) == 0
    assert leaf_disagreement({"n": 1}, {"n": True}) == 1
    assert leaf_disagreement({"n": "1"}, {"n": 1}) == 1


def test_empty_containers_are_leaves():
    assert leaf_disagreement({}, {}) == 0
    assert leaf_disagreement({"a": {}}, {"a": []}) == 1
