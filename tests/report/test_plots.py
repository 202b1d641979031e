"""Plots are files of their own, made by matplotlib where it is installed."""

import sys
from dataclasses import replace

import pytest

from sway.core.errors import MissingExtraError
from sway.report.plots import write_plots
from tests.report.cases import CASES, CHANGED, report


def test_every_chart_becomes_a_png_named_by_place_and_kind(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the viz extra")
    written = write_plots(CASES["fail"], tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    names = [p.name for p in written]
    assert "01-delta_kl-1.png" in names
    assert "03-adapter_ablation-1.png" in names
    assert all(p.read_bytes().startswith(b"\x89PNG\r\n") for p in written)


def test_names_and_labels_from_outside_reach_no_path_and_no_parser(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the viz extra")
    rows = [{"prompt": "$\\frac{$ \u202e \x00", "divergence": d} for d in (0.1, 0.2)]
    found = report(replace(CHANGED, name="../../x $^$", unit="$\\bad$", evidence={"per_prompt": rows}))
    assert {p.parent for p in write_plots(found, tmp_path)} == {tmp_path}


def test_a_missing_extra_is_one_line_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("sway.core.errors.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with pytest.raises(MissingExtraError, match="pip install") as caught:
        write_plots(CASES["fail"], tmp_path)
    assert "viz" in str(caught.value)
