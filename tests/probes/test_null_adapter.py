import pytest

from sway.core.measurement import Category
from sway.core.views import NullFamily
from sway.probes.null_adapter import Params, null_adapter
from tests.fakes import drive, refuse


def test_it_asks_nothing_and_counts_toward_no_score():
    assert drive(null_adapter, refuse, params={"runs": 99}).raw == 99
    assert null_adapter.category is Category.BASELINE


def test_the_number_of_runs_is_the_suite_s_unless_the_spec_says():
    assert Params().runs is None
    assert Params().family is NullFamily.MATCHED


@pytest.mark.parametrize(
    "bad",
    [
        {"runs": 0},
        {"runs": 1000},
        {"rank_multipliers": []},
        {"rank_multipliers": [0]},
        {"family": "uniform"},
        {"init_scale": 0},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Params(**bad)
