"""The example of a custom backend, as docs/backends.md says to run it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sway.backends.interface import Backend
from sway.core.model import ModelSpec
from sway.core.requests import Chat, Failure, Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from tests.backends.conftest import ask
from tests.test_house import ROOT

EXAMPLE = ROOT / "examples" / "custom_backend"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from bigrams import Bigrams

    base = ModelSpec(kind="custom", base=str(EXAMPLE / "base"))
    return Bigrams(base, base.model_copy(update={"adapter": str(EXAMPLE / "adapter")}))


def test_the_guides_command_gates_the_example(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if line.startswith("$ SWAY_ALLOW_CUSTOM=1"))
    *settings, _, command, spec = shlex.split(line.removeprefix("$ "))
    environment = {**os.environ, **dict(s.split("=") for s in settings), "SWAY_DISABLE_NULL_CACHE": "1"}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / environment['PYTHONPATH']}"
    report = tmp_path / "report.json"
    words = [sys.executable, "-m", "sway", command, spec, "--json", str(report)]
    ran = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = {p["name"]: p for p in json.loads(report.read_text())["probes"]}
    assert (rows["changed"]["verdict"], rows["changed"]["p_value"]) == ("pass", 0.05)
    assert rows["strength_curve"]["verdict"] in ("pass", "warn")


def test_it_keeps_the_protocol(backend) -> None:
    assert isinstance(backend, Backend)
    null = View(1.0, NullDraw(1000, 0))
    base, tuned, half, drawn = ask(backend, *(NextToken(view, "the", 9) for view in (BASE, TUNED, View(0.5), null)))
    for answer in (base, tuned, half, drawn):
        assert answer.masses().sum() == pytest.approx(1)
        assert (answer.ids == base.ids).all()
    assert not np.allclose(tuned.logprobs, drawn.logprobs)
    span, rolling, text = ask(
        backend,
        SpanLogprob(TUNED, "the keeper", "lights the"),
        RollingLogprob(TUNED, "keeper lights the"),
        Generation(TUNED, "the", 4),
    )
    np.testing.assert_allclose(span.logprobs, rolling.logprobs)
    assert text.text.split()[1:] in (["at", "dusk", "and"], ["lights", "the", "lantern"])
    assert isinstance(ask(backend, NextToken(BASE, "submarine"))[0], Failure)
    assert backend.refusal(NextToken(BASE, Chat.ask("the")))
