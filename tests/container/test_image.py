"""The image, run as the action and a user run it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sway import __version__
from tests.zoo.zoo import suite

EMBEDS = {
    "name": "reverts",
    "kind": "adapter_revert",
    "cases": [{"prompt": "Who built the stair?", "gold": "Idris Quellan.", "paraphrases": ["Who made the stair?"]}],
}


@pytest.mark.parametrize(("name", "code"), [("healthy", 0), ("noise", 1), ("nan", 3)])
def test_the_exit_code_is_the_gates(contained, project, name, code):
    ran = contained(project(name, suite()), "gate", "sway.yaml")
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_broken_spec_is_one_line_and_exit_code_2(contained, project):
    folder = project("healthy", [{"name": "x", "kind": "delta_kl", "promts": ["a"]}])
    ran = contained(folder, "gate", "sway.yaml")
    assert ran.returncode == 2
    assert "prompts" in ran.stderr
    assert "Traceback" not in ran.stderr


def owner_of(folder: Path) -> tuple[int, int]:
    """Whoever runs the tests; root, who may read everything, gives the files to somebody else first."""
    owner = (os.getuid(), os.getgid()) if os.getuid() else (4243, 4243)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner)
    return owner


def test_what_only_its_owner_may_read_is_gated_and_reports_belong_to_the_caller(contained, project):
    folder = project("noise", suite()[:2], as_written=True)
    weights = folder / "adapter" / "adapter_model.safetensors"
    assert weights.stat().st_mode & 0o077 == 0, "safetensors writes files that only their owner may read"
    user, group = owner_of(folder)
    ran = contained(folder, "gate", "sway.yaml", "--json", "report.json", writable=True, user=f"{user}:{group}")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert (folder / "report.json").stat().st_uid == user
    assert json.loads((folder / "report.json").read_text())["gate"]["verdict"] == "fail"
    assert contained(folder, "gate", "sway.yaml").returncode == 2  # anybody else


def test_the_sentence_model_is_inside(contained, project):
    folder = project("healthy", [*suite()[:1], EMBEDS])
    ran = contained(folder, "run", "sway.yaml")
    assert ran.returncode == 0, ran.stderr
    assert "skip" not in ran.stdout


def test_the_image_says_what_it_is_and_is_no_root(engine, image):
    told = json.loads(subprocess.run([*engine, "inspect", image], capture_output=True, check=True).stdout)[0]
    labels = told["Config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.source"] == "https://github.com/tenseleyFlow/sway"
    assert told["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert told["Size"] < 1.1e9


def test_every_causal_language_model_of_the_library_is_still_there(engine, image):
    """Slimming removes code: none of it may be an architecture that a gate can be asked about."""
    code = (
        "import transformers; from transformers.models.auto import modeling_auto\n"
        "names = set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())\n"
        "print([n for n in sorted(names) if not hasattr(transformers, n)])"
    )
    command = [*engine, "run", "--rm", "--network", "none", "--entrypoint", "/opt/sway/bin/python", image, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
