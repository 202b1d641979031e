from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from sway.demo.loop import IGNORED, Example, learning_rate, padded, repeatable


@given(st.integers(1, 500), st.data())
def test_learning_rate_stays_between_zero_and_its_peak(steps, data):
    step = data.draw(st.integers(0, steps - 1))
    assert 0 < learning_rate(2.0, step, steps) <= 2.0


def test_learning_rate_rises_and_then_falls():
    rates = [learning_rate(1.0, step, 50) for step in range(50)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_padding_is_on_the_right_and_costs_no_loss():
    batch = padded([Example((5, 6, 7), (IGNORED, 6, 7)), Example((8,), (8,))])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [8, IGNORED, IGNORED]]


def test_repeatable_leaves_no_trace():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    draws = []
    for _ in range(2):
        with repeatable(7):
            draws.append(torch.rand(3))
    assert torch.equal(*draws)
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (threads, strict)
