import json
import math
import os

import numpy as np
import pytest

from sway.core.errors import SkipProbe, SwayError
from sway.core.probe import Context
from sway.probes.training_drift import training_drift
from sway.probes.training_log import find_training_log
from tests.fakes import drive, refuse

DESCENT = (1 + 3 * np.exp(-np.arange(60) / 12)).tolist()


def jsonl(path, losses, head=({"type": "banner", "seed": 1},)):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [*head, *({"type": "step", "step": i + 1, "loss": x, "lr": 1e-3} for i, x in enumerate(losses))]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def trainer_state(path, losses):
    path.parent.mkdir(parents=True, exist_ok=True)
    history = [{"step": i + 1, "loss": x, "epoch": 0.1} for i, x in enumerate(losses)]
    path.write_text(json.dumps({"log_history": [*history, {"step": 99, "eval_loss": 1.0, "train_runtime": 3}]}))
    return path


def measure(store, **params):
    return drive(training_drift, refuse, params={"store_path": str(store), **params})


def broken(store, **params):
    found = measure(store, **params)
    assert all(c.soft for c in found.checks)
    return {c.name for c in found.checks if not c.holds}


def test_a_calm_descent_holds(tmp_path, check_evidence):
    jsonl(tmp_path / "logs/train-000001-20250101T000000.jsonl", DESCENT)
    assert broken(tmp_path) == set()
    evidence = check_evidence(measure(tmp_path))
    assert evidence["steps"] == 60
    assert evidence["final_loss"] == pytest.approx(DESCENT[-1], rel=1e-5)
    assert evidence["instability_events"] == 0


def test_each_fault_breaks_its_own_check(tmp_path):
    spiked = [*DESCENT[:30], DESCENT[30] + 0.5, *DESCENT[31:]]
    jsonl(tmp_path / "logs/train-1.jsonl", spiked)
    assert broken(tmp_path) == {"instability_events"}
    assert broken(tmp_path, assert_instability_events_lte=1) == set()
    jsonl(tmp_path / "logs/train-1.jsonl", [4 - 0.002 * i for i in range(60)])
    assert broken(tmp_path) == {"convergence_ratio"}
    jsonl(tmp_path / "logs/train-1.jsonl", [4.0, 1.0] * 30)
    assert "smoothness" in broken(tmp_path)


def test_the_newest_log_is_read(tmp_path):
    jsonl(tmp_path / "logs/train-000001-20250101T000000.jsonl", [4.0, 1.0] * 30)
    jsonl(tmp_path / "logs/train-000002-20250102T000000.jsonl", DESCENT)
    assert measure(tmp_path).evidence["source"].startswith("train-000002")
    assert measure(tmp_path / "logs").evidence["source"].startswith("train-000002")


@pytest.mark.parametrize(
    "place",
    ["trainer_state.json", "checkpoint-60/trainer_state.json", "adapter/trainer_state.json", "logs/train-1.jsonl"],
)
def test_a_log_is_found_around_the_adapter(tmp_path, place):
    write = jsonl if place.endswith("jsonl") else trainer_state
    write(tmp_path / place, DESCENT)
    (tmp_path / "adapter").mkdir(exist_ok=True)
    found = drive(training_drift, refuse, context=Context(adapter=tmp_path / "adapter"))
    assert found.evidence["steps"] == 60


def test_the_log_of_a_store_is_found_from_a_version_of_its_adapter(tmp_path):
    jsonl(tmp_path / "store/logs/train-1.jsonl", DESCENT)
    adapter = tmp_path / "store/adapter/main/versions/v0003"
    adapter.mkdir(parents=True)
    assert find_training_log(None, adapter).path.parent.name == "logs"


def test_the_furthest_checkpoint_is_read(tmp_path):
    for step in (5, 60, 100):
        trainer_state(tmp_path / f"checkpoint-{step}/trainer_state.json", [1.0] * step)
    assert len(find_training_log(tmp_path, None).losses) == 100


def test_a_run_that_was_resumed_counts_each_step_once(tmp_path):
    path = jsonl(tmp_path / "logs/train-1.jsonl", DESCENT)
    with path.open("a") as file:
        file.write(json.dumps({"type": "step", "step": 60, "loss": 9.0}) + "\n")
    log = find_training_log(tmp_path, None)
    assert len(log.losses) == 60
    assert log.losses[-1] == 9.0


def test_a_line_that_a_crash_cut_short_is_passed_over_at_the_end_only(tmp_path):
    path = jsonl(tmp_path / "logs/train-1.jsonl", DESCENT)
    path.write_text(path.read_text() + '{"type": "st')
    assert measure(tmp_path).evidence["steps"] == 60
    path.write_text('{"type": "st\n' + path.read_text())
    with pytest.raises(SwayError, match="cannot be read"):
        measure(tmp_path)


def test_a_loss_that_is_not_a_number_is_an_error(tmp_path):
    jsonl(tmp_path / "logs/train-1.jsonl", [*DESCENT, math.nan])
    with pytest.raises(SwayError, match="not a number"):
        measure(tmp_path)


@pytest.mark.parametrize(
    "line", ['{"step": 1e999, "loss": 1}', '{"step": 1, "loss": 1' + "0" * 400 + "}", "[" * 100_000]
)
def test_absurd_numbers_in_a_log_are_an_error(tmp_path, line):
    path = jsonl(tmp_path / "logs/train-1.jsonl", DESCENT)
    path.write_text(f"{line}\n{path.read_text()}")
    with pytest.raises(SwayError, match="cannot be read"):
        measure(tmp_path)
    jsonl(path, [*DESCENT, 1e308])
    with pytest.raises(SwayError, match="not a number"):
        measure(tmp_path)


def test_a_log_that_would_never_end_is_passed_over(tmp_path):
    jsonl(tmp_path / "logs/train-1.jsonl", DESCENT)
    os.mkfifo(tmp_path / "logs/train-2.jsonl")
    (tmp_path / "logs/train-3.jsonl").symlink_to("/dev/zero")
    assert measure(tmp_path).evidence["steps"] == 60


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense", '{"log_history": 3}'])
def test_a_trainer_state_of_another_layout_is_an_error(tmp_path, content):
    (tmp_path / "trainer_state.json").write_text(content)
    with pytest.raises(SwayError, match=r"trainer_state\.json"):
        measure(tmp_path)


def test_no_log_and_a_short_log_are_skips(tmp_path):
    with pytest.raises(SkipProbe, match="no training log"):
        measure(tmp_path)
    with pytest.raises(SkipProbe, match="no training log"):
        drive(training_drift, refuse)
    jsonl(tmp_path / "logs/train-1.jsonl", DESCENT[:9])
    with pytest.raises(SkipProbe, match="9 steps, fewer than 10"):
        measure(tmp_path)


def test_evidence_stays_small_for_long_runs(tmp_path, check_evidence):
    jsonl(tmp_path / "logs/train-1.jsonl", np.random.default_rng(0).normal(2, 0.5, 5000).tolist())
    assert check_evidence(measure(tmp_path))["steps"] == 5000
