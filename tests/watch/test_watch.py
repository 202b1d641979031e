"""The command itself, in a process of its own, beside a process that writes adapters as training does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sway.core.errors import SwayError
from sway.watch import hook
from tests.watch.conftest import CONFIG, weights, write_adapter, write_spec

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys, time
path, chunk = sys.argv[1], 64
whole = sys.stdin.buffer.read()
with open(path, "wb", buffering=0) as file:
    for at in range(0, len(whole), chunk):
        file.write(whole[at:at + chunk])
        time.sleep(0.05)
"""


@pytest.fixture
def watching(spec):
    """Start the command; its output so far; stop it. It is killed if a test forgets it."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "sway", "watch", str(spec), "--quiet", "0.4", *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "SWAY_DISABLE_NULL_CACHE": "1"}
        with (spec.parent / "log").open("w") as log:
            started.append(subprocess.Popen(words, stdout=log, stderr=log, text=True, env=env))
        until(lambda: "following" in said(spec))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def said(spec: Path) -> str:
    return (spec.parent / "log").read_text()


def until(true, seconds: float = 40.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def results(spec: Path) -> list[Path]:
    folder = spec.parent / "sway-history"
    return sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns) if folder.is_dir() else []


def write_slowly(folder: Path, seed: int) -> None:
    """Weights in small pieces by another process, then the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").unlink(missing_ok=True)
    words = [sys.executable, "-c", WRITER, str(folder / "adapter_model.safetensors")]
    subprocess.run(words, input=weights(seed), check=True)
    (folder / "adapter_config.json").write_bytes(CONFIG)


def test_versions_are_judged_as_they_come(spec, watching):
    note = spec.parent / "noted"
    code = f"import os; open({str(note)!r}, 'a').write(os.environ['SWAY_RESULT_PATH'] + chr(10))"
    process = watching("--on-fail", f'{sys.executable} -c "{code}"')
    adapter = spec.parent / "runs" / "adapter"
    write_slowly(adapter, 1)
    until(lambda: len(results(spec)) == 1)
    report = json.loads(results(spec)[0].read_text())
    assert report["adapter_id"] == str(adapter)
    assert (report["schema_version"], report["gate"]["verdict"]) == (1, "pass")
    assert not note.exists()
    (adapter / "adapter_model.safetensors").unlink()
    time.sleep(0.6)
    write_adapter(adapter, 2)
    until(lambda: len(results(spec)) == 2)
    write_spec(spec, "runs/adapter", floor=9.0)
    write_adapter(adapter, 3)
    until(lambda: len(results(spec)) == 3 and note.exists() and note.read_text().endswith(f"{results(spec)[-1]}\n"))
    assert "changed failed" in said(spec)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 130
    assert "Traceback" not in said(spec)
    assert not list((spec.parent / "sway-history").glob("*.part"))


def test_an_interrupt_ends_it_while_nothing_happens(spec, watching):
    process = watching()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert said(spec).splitlines()[-1] == "interrupted"


def test_a_server_can_judge(spec, monkeypatch):
    """The client is a stand-in; the report that it gives is kept as it is."""
    import sys
    from types import ModuleType

    from sway.cli.watching import judge_there

    asked = []

    class ServeClient:
        def __init__(self, url):
            self.url = url

        def run(self, loaded):
            asked.append((self.url, str(loaded.adapter)))
            if len(asked) > 1:
                return {"detail": "no"}
            gate = {"verdict": "fail", "exit_code": 1, "reasons": ["changed failed"]}
            return {"gate": gate, "score": {"overall": 0.5}, "request_seconds": 1.0}

    module = ModuleType("sway.serve.client")
    module.ServeClient = ServeClient
    monkeypatch.setitem(sys.modules, "sway.serve", ModuleType("sway.serve"))
    monkeypatch.setitem(sys.modules, "sway.serve.client", module)
    adapter = spec.parent / "runs" / "adapter"
    write_adapter(adapter, 1)
    judge = judge_there(spec, "http://127.0.0.1:1")
    outcome = judge(adapter, spec.parent / "result.json")
    assert (outcome.passed, outcome.reasons) == (False, ("changed failed",))
    assert asked == [("http://127.0.0.1:1", str(adapter))]
    assert json.loads((spec.parent / "result.json").read_text()) == {
        "gate": {"verdict": "fail", "exit_code": 1, "reasons": ["changed failed"]},
        "score": {"overall": 0.5},
    }
    with pytest.raises(SwayError, match="gave no report"):
        judge(adapter, spec.parent / "result.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--on-fail", "say 'it"), "cannot be split into words"),
        (("--on-fail", " "), "--on-fail: is empty"),
        (("--on-fail", "no-such-program-here x"), "there is no program"),
        (("--max-history", "0"), "--max-history"),
        (("--quiet", "nan"), "--quiet"),
        (("--history-dir", "/dev/null/x"), "cannot be written"),
    ],
)
def test_wrong_options_are_one_line(spec, call, options, message):
    ran = call("watch", spec, *options)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert message in ran.err


def test_a_spec_that_is_wrong_elsewhere_is_told_before_any_wait(spec, call):
    spec.write_text(spec.read_text().replace("delta_kl", "delta_lk"))
    ran = call("watch", spec)
    assert ran.code == 2
    assert "did you mean delta_kl?" in ran.err
    assert call("watch", spec.parent / "none.yaml").code == 2


def test_the_hook_sees_no_shell_and_no_stale_result(tmp_path, monkeypatch):
    monkeypatch.setenv("SWAY_RESULT_PATH", "stale")
    out = tmp_path / "out"
    code = f"import os, sys; open({str(out)!r}, 'w').write(repr((sys.argv[1:], os.environ.get('SWAY_RESULT_PATH'))))"
    words = (sys.executable, "-c", code, *hook.parse("ls '$(touch x)' ; > y")[1:])
    assert hook.call(words, None) == ""
    assert out.read_text() == repr((["$(touch x)", ";", ">", "y"], None))
    assert hook.call((sys.executable, "-c", "raise SystemExit(3)"), tmp_path).endswith("ended with 3")
    assert "cannot be run" in hook.call((str(tmp_path / "none"),), None)
