"""Everything that is run from elsewhere is named so that it cannot be changed under us, in scripts and examples too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from sway import __version__

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = [ROOT / "action.yml", ROOT / "comment" / "action.yml"]
WORKFLOWS = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/github/**/*.yml")]
OURS = re.compile(r"tenseleyFlow/sway(/comment)?@v\d+\.\d+\.\d+")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")
IMAGE = re.compile(r"ghcr\.io/tenseleyflow/sway-gate(?P<reference>[:@][^\s\"']+)?")


def uses(text: str) -> list[str]:
    return re.findall(r"^\s*(?:- )?uses: *(.+?)\s*$", text, re.MULTILINE)


@pytest.mark.parametrize("path", [*ACTIONS, *WORKFLOWS], ids=lambda p: str(p.relative_to(ROOT)))
def test_actions_are_pinned_by_commit(path):
    for reference in uses(path.read_text()):
        own = OURS.fullmatch(reference) and "examples" in path.parts
        assert own or PINNED.fullmatch(reference), reference


def test_one_action_has_one_commit():
    every = [reference for path in (*ACTIONS, *WORKFLOWS) for reference in uses(path.read_text())]
    named: dict[str, set[str]] = {}
    for reference in every:
        named.setdefault(reference.partition("@")[0], set()).add(reference)
    assert not {name: found for name, found in named.items() if len(found) > 1}


COPIED = [
    path
    for kind in ("*.md", "*.yml", ".pre-commit-hooks.yaml", "comment/*.yml", "docs/**/*.md", "examples/**/*")
    for path in sorted(ROOT.glob(kind))
    if path.is_file() and path.name != "CHANGELOG.md"
]
RELEASE = re.compile(r"(?:sway-gate:|sway(?:/comment)?@|\brev: *)v(?P<version>\d[\w.-]*)")


@pytest.mark.parametrize("path", COPIED, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_users_copy_names_this_release(path):
    assert {found["version"] for found in RELEASE.finditer(path.read_text())} <= {__version__}


def test_the_list_of_what_names_the_release_is_whole():
    contributing = (ROOT / "CONTRIBUTING.md").read_text().partition("## A new version")[2].partition("\n## ")[0]
    listed = re.findall(r"`([\w./-]+)`", contributing)
    naming = [str(path.relative_to(ROOT)) for path in COPIED if RELEASE.search(path.read_text())]
    assert len(naming) >= 12
    assert [name for name in naming if not any(name == place or name.startswith(f"{place}/") for place in listed)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/github/**/*.yml")), ids=lambda p: p.name)
def test_an_example_that_asks_for_mains_reports_has_main_write_them(path):
    workflow = yaml.safe_load(path.read_text())
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("tenseleyFlow/sway@"):
                asks = step["with"].get("baseline", "auto") == "auto"
                assert ("actions" in job["permissions"]) == asks
                assert not asks or workflow[True]["push"] == {"branches": ["main"]}


def images(path: Path) -> list[str]:
    return [found["reference"] or "" for found in IMAGE.finditer(path.read_text())]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_actions_image_is_this_releases(path):
    (reference,) = images(path)
    assert re.fullmatch(rf":v{re.escape(__version__)}(@sha256:[0-9a-f]{{64}})?", reference), reference


def test_both_actions_name_one_image():
    assert images(ACTIONS[0]) == images(ACTIONS[1])


def named_in_scripts(text: str) -> list[str]:
    """What looks like an image's name after `docker run` and the like."""
    words = [w for line in re.findall(r"\b(?:docker|podman) (?:run|pull|create) (.*)", text) for w in line.split()]
    return [w for w in words if re.fullmatch(r"[A-Za-z][\w.-]*[/:][\w./:-]+(@sha256:\w+)?", w)]


@pytest.mark.parametrize(
    "path", [*ACTIONS, *WORKFLOWS, *ROOT.glob("scripts/action*.sh")], ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_script_names_an_image_by_a_tag(path):
    """zizmor does not look into scripts."""
    assert [name for name in named_in_scripts(path.read_text()) if "@sha256:" not in name] == []


@pytest.mark.parametrize("image", ["ghcr.io/a/b:v1", "a/b", "python:3.11", "ghcr.io/a/b@sha256:" + "0" * 64])
def test_an_image_in_a_script_is_found(image):
    assert named_in_scripts(f"run: docker run --rm --user 1:1 --tmpfs /tmp:rw {image} gate") == [image]


@pytest.mark.parametrize("before", [":v0.2.0", ":v0.2.0@sha256:" + "1" * 64], ids=["tag", "digest"])
def test_a_release_pins_its_image_in_both_actions(tmp_path, before):
    text = (ROOT / ".github/workflows/release.yml").read_text()
    (line,) = (line.strip() for line in text.splitlines() if "sed -i" in line)
    for path in ACTIONS:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(IMAGE.sub(f"ghcr.io/tenseleyflow/sway-gate{before}", path.read_text()))
    environment = {"TAG": "v0.3.0", "DIGEST": "sha256:" + "2" * 64, "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-euc", line], cwd=tmp_path, env=environment, check=True)
    for path in ACTIONS:
        copy = tmp_path / path.relative_to(ROOT)
        assert images(copy) == [":v0.3.0@sha256:" + "2" * 64]
        assert len(copy.read_text().splitlines()) == len(path.read_text().splitlines())
        yaml.safe_load(copy.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: str(p.relative_to(ROOT)))
def test_workflows_give_no_more_than_is_said(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert isinstance(job["permissions"], dict)
        checkouts = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        if "workflow_run" in workflow[True]:
            assert checkouts == []
    assert "pull_request_target" not in workflow[True]
