"""`sway serve` as a process, and `sway run` against it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sway.serve.client import ServeClient, ServeError
from tests.serve.fakes import HOLDS, spec
from tests.serve.test_server import numbers, wait_for
from tests.test_house import ROOT

LONG = {**HOLDS, "prompts": [f"prompt {i}" for i in range(6000)]}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start `sway serve` in `tmp_path` on a free port: the process and its URL."""
    started: list[subprocess.Popen[str]] = []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SWAY_DISABLE_NULL_CACHE": "1"}

    def daemon(*args: str, **variables: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "sway", "serve", "--port", "0", *args]
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**environment, **variables}, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr
        line = process.stderr.readline()
        found = re.fullmatch(r"sway serve: (http://[\w.]+:\d+)\n", line)
        assert found, line + process.stderr.read()
        return process, found[1]

    yield daemon
    for process in started:
        with process:  # closes its pipe
            process.kill()


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_what_runs_and_then_the_server(daemon, sign: signal.Signals, code: int) -> None:
    process, url = daemon(SWAY_SERVE_KEY="k")
    with ServeClient(url, api_key="k", timeout=60) as client, ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.run, spec("b", LONG))
        wait_for(lambda: client.stats()["loads"] == 1)
        process.send_signal(sign)
        with pytest.raises(ServeError, match="shutting down"):
            running.result(30)
    assert process.wait(30) == code
    assert "Traceback" not in process.stderr.read()


def test_run_has_a_server_judge(daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cli.conftest import Ran

    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")
    (tmp_path / "sway.yaml").write_text(json.dumps(spec("b", HOLDS, {**HOLDS, "name": "other"})))
    _, url = daemon()

    def sway(*args: str) -> Ran:
        command = [sys.executable, "-m", "sway", "run", str(tmp_path / "sway.yaml"), *args]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        return Ran(done.returncode, done.stdout, done.stderr)

    reports = [tmp_path / "here.json", tmp_path / "there.json"]
    here = sway("-j", str(reports[0]), "--weights", "adherence=1")
    there = sway("-j", str(reports[1]), "--weights", "adherence=1", "--serve-url", url)
    assert (here.code, there.code) == (0, 0), there.err
    assert there.out == here.out
    a, b = (numbers(json.loads(path.read_text())) for path in reports)
    assert b == a


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--thorough", "--serve-url", "http://127.0.0.1:9"], "--thorough: has no effect on a server"),
        (["--serve-url", "http://127.0.0.1:9"], "cannot be asked"),
        (["--serve-url", "127.0.0.1:9"], "is no http address"),
        (["--only", "chnaged", "--serve-url", "http://127.0.0.1:9"], "did you mean changed?"),
    ],
)
def test_what_cannot_be_asked_of_a_server_is_one_line(call, tmp_path: Path, args: list[str], said: str) -> None:
    (tmp_path / "sway.yaml").write_text(json.dumps(spec("b", HOLDS)))
    ran = call("run", tmp_path / "sway.yaml", *args)
    assert ran.code == 2
    assert said in ran.err
    assert len([line for line in ran.err.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--host", "0.0.0.0"], "others can reach that address, and no key is set"),
        (["--host", "::"], "others can reach that address, and no key is set"),
        (["--host", "0.0.0.0", "--api-key", ""], "--api-key: is empty"),
        (["--host", "no.such.host.invalid"], "cannot be listened on"),
        (["--allow-endpoint", "here"], "'here' is no address"),
        (["--root", "/nonexistent"], "does not exist"),
        (["--max-loaded-models", "0"], "not in the range"),
        (["--max-request-mb", "nan"], "nan is not a number"),
        (["--max-seconds", "nan"], "nan is not a number"),
        (["--max-seconds", "inf"], "inf is not a number"),
    ],
)
def test_a_server_that_must_not_start_says_why(call, monkeypatch, args: list[str], said: str) -> None:
    monkeypatch.delenv("SWAY_SERVE_KEY", raising=False)
    ran = call("serve", *args)
    assert ran.code == 2
    assert said in ran.err
