import contextlib
import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.cli.options import Size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * 10**9),
        ("512mb", 512 * 10**6),
        ("1.5GiB", 3 << 29),
        ("2g", 2 * 10**9),
        ("1000", 1000),
        ("64 KB", 64000),
    ],
)
def test_amounts(text, size):
    assert Size().convert(text, None, None) == size


@given(st.text(max_size=8))
def test_anything_else_is_refused_in_one_line(text):
    digits = any(c.isdigit() and c != "0" for c in text)
    with contextlib.suppress(click.BadParameter):
        assert Size().convert(text, None, None) > 0
        assert digits


@pytest.mark.parametrize("text", ["", "0", "0GB", "GB", "-1GB", "4 apples", "nan", "1e9", "4GBB", "inf"])
@pytest.mark.parametrize("command", ["run", "gate"])
def test_commands_refuse_it_before_they_read_anything(call, command, text):
    ran = call(command, "nowhere.yaml", "--memory", text)
    assert ran.code == 2
    assert "no amount of memory" in ran.err


def test_a_kind_that_cannot_keep_to_it_says_so(call, tmp_path):
    models = {"base": {"kind": "dummy", "base": "b"}, "ft": {"kind": "dummy", "base": "b", "adapter": "."}}
    suite = [{"name": "changed", "kind": "delta_kl", "prompts": ["a"]}]
    (tmp_path / "sway.yaml").write_text(json.dumps({"version": 1, "models": models, "suite": suite}))
    ran = call("gate", tmp_path / "sway.yaml", "--memory", "4GB")
    assert ran.code == 2
    assert "--memory: kind dummy cannot keep to it (leave it out)" in ran.err
