"""The release: no image has a tag, and no package is on the index, before adapters were gated in what was pushed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
JOBS = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]


def before(job: str) -> set[str]:
    """The jobs that must have gone well before this one starts."""
    needed = JOBS[job].get("needs", [])
    needed = {needed} if isinstance(needed, str) else set(needed)
    return needed.union(*map(before, needed))


def step(job: str, wanted: str) -> dict[str, Any]:
    """The one step whose script has this in it."""
    (only,) = (step for step in JOBS[job]["steps"] if wanted in step.get("run", ""))
    return only


def test_nothing_has_the_versions_name_before_a_gate_ran_in_the_image():
    for job in ("pypi", "manifest", "pin"):
        assert {"image", "gate"} <= before(job)
        assert "if" not in JOBS[job]
    assert "--tag" not in str(JOBS["image"]) + str(JOBS["gate"])
    assert "push-by-digest=true" in str(JOBS["image"])


def test_each_platform_is_gated_where_it_was_built():
    assert JOBS["gate"]["strategy"] == JOBS["image"]["strategy"]
    legs = JOBS["gate"]["strategy"]["matrix"]["include"]
    assert {leg["platform"] for leg in legs} == {"linux/amd64", "linux/arm64"}
    assert len({leg["digest"] for leg in legs}) == len(legs)
    kept = [s["with"] for job in ("image", "gate") for s in JOBS[job]["steps"] if "artifact@" in s.get("uses", "")]
    assert kept[0]["name"] == kept[1]["name"] == "${{ matrix.digest }}"


def test_the_tests_of_the_image_run_on_the_pushed_digest_and_can_push_nothing():
    script = step("gate", "image.sh test")["run"]
    assert 'IMAGE="$IMAGE@sha256:$digest" scripts/image.sh test .venv/bin/python' in script
    assert "continue-on-error" not in str(JOBS["gate"])
    assert JOBS["gate"]["permissions"] == {"contents": "read", "packages": "read"}
    probed = (ROOT / "tests/container/test_image.py").read_text()
    assert '"kind": "adapter_revert"' in probed  # a probe that needs the sentence model


def test_the_images_label_is_the_version_as_make_image_has_it():
    assert 'version=${GITHUB_REF_NAME#v}"' in step("image", "imagetools inspect")["run"]
    assert "VERSION=${{ steps.base.outputs.version }}" in str(JOBS["image"])
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', (ROOT / "Dockerfile").read_text()))
    assert labels["version"] == "${VERSION}"
    assert labels["source"] == "https://github.com/tenseleyFlow/sway"
    assert labels["licenses"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
