"""The action's own steps with a real engine and the real image: what the tests with a stand-in cannot show."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from tests.action import events
from tests.action.composite import Ran, run_action
from tests.backends.hub_server import COMMIT, Hub, serving
from tests.zoo.zoo import suite

ROOT = Path(__file__).resolve().parents[2]
PROBING = """
import json, os, pathlib, socket
def tried(act):
    try:
        act()
        return True
    except OSError:
        return False
print(json.dumps({
    "files": sorted(p.name for p in pathlib.Path("/src").iterdir()),
    "git": [*map(os.listdir, ("/src/.git", "/src/a,b/.git")), pathlib.Path("/src/module/.git").read_text()],
    "wrote": [p for p in ("/src/x", "/x", "/models/x", "/out/x", "/tmp/x") if tried(lambda: open(p, "w").close())],
    "interfaces": [name for _, name in socket.if_nameindex() if name != "lo"],
    "rights": [l.split()[1] for l in open("/proc/self/status") if l.startswith(("CapEff", "CapBnd", "NoNewPrivs"))],
    "tokens": [n for n in os.environ if "TOKEN" in n or n.startswith(("GITHUB", "RUNNER", "ACTIONS"))],
}))
"""


def bridged(engine: list[str]) -> bool:
    """Whether containers can have a network other than the host's."""
    command = [*engine, "network", "ls", "--format", "{{.Name}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return bool({"bridge", "podman"} & set(names))


@pytest.fixture
def tools(engine: list[str], tmp_path: Path) -> str:
    """A PATH on which `docker` is the engine at hand; without a bridge, the host's network stands in for it."""
    folder = tmp_path / "tools"
    folder.mkdir()
    client = shlex.join(engine)
    networks = subprocess.run(
        [*engine, "network", "ls", "--format", "{{.Name}}"], capture_output=True, text=True, check=True
    )
    bridged = {"bridge", "podman"} & set(networks.stdout.split())
    other = (
        ""
        if bridged
        else 'case " $* " in " run "*" --network "*) ;; " run "*) shift; set -- run --network host "$@" ;; esac\n'
    )
    (folder / "docker").write_text(f'#!/bin/bash\n{other}exec {client} "$@"\n')
    (folder / "docker").chmod(0o755)
    return f"{folder}:/usr/local/bin:/usr/bin:/bin"


@pytest.fixture
def act(tools: str, image: str, tmp_path: Path) -> Callable[..., Ran]:
    def act(workspace: Path, more: Mapping[str, str] = MappingProxyType({}), **inputs: str) -> Ran:
        environment = {
            "PATH": tools,
            "HOME": str(tmp_path),
            "RUNNER_OS": "Linux",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_REPOSITORY": events.OURS,
            "GITHUB_EVENT_NAME": "workflow_dispatch",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SHA": events.HEAD,
            **more,
        }
        given = {"spec-path": "sway.yaml", "image": image, "baseline": "none", **inputs}
        return run_action(ROOT / "action.yml", given, environment, events.workflow_dispatch(), tmp_path / "temp")

    return act


@pytest.mark.parametrize(
    ("name", "code", "verdict"), [("healthy", 0, "pass"), ("noise", 1, "fail"), ("nan", 3, "error")]
)
def test_the_verdict_of_a_real_gate(act, project, name, code, verdict):
    ran = act(project(name, suite()[:2]))
    assert ran.code == code, ran.printed
    assert ran.outputs["verdict"] == verdict
    assert Path(ran.outputs["report-path"], "sway.json").is_file() or name == "nan"
    assert verdict in ran.summary.lower()


def test_files_of_the_workspace_are_read_and_never_run(act, project):
    folder = project("noise", suite()[:2])
    (folder / "sway").mkdir()
    for name in ("sway/__init__.py", "sway/__main__.py", "sitecustomize.py", "click.py", "torch.py"):
        (folder / name).write_text("import sys; print('taken'); sys.exit(0)\n")
    ran = act(folder)
    assert ran.code == 1, ran.printed
    assert "taken" not in ran.printed


def test_a_base_from_the_hub_is_fetched_and_then_found_without_a_network(act, engine, project):
    if bridged(engine):
        pytest.skip("a stand-in for the hub on this machine is reached through the host's network alone")
    folder = project("healthy", suite()[:2])
    files = {path.name: path.read_bytes() for path in (folder / "base").iterdir() if path.is_file()}
    shutil.rmtree(folder / "base")
    spec = yaml.safe_load((folder / "sway.yaml").read_text())
    for side in ("base", "ft"):
        spec["models"][side] |= {"base": "org/model", "revision": COMMIT}
    (folder / "sway.yaml").write_text(yaml.safe_dump(spec))
    with serving(Hub("org/model", files)) as address:
        ran = act(folder, {"HF_ENDPOINT": address})
    assert ran.code == 0, ran.printed
    assert "as the hub has them" in ran.printed
    assert ran.outputs["verdict"] == "pass"


def test_a_broken_spec_is_told(act, project):
    ran = act(project("healthy", [{"name": "x", "kind": "delta_kl", "promts": ["a"]}]))
    assert ran.code == 2, ran.printed
    assert "promts" in ran.printed
    assert ran.outputs["verdict"] == "error"


def test_the_walls_stand(tools, image, project, tmp_path):
    folder = project("noise", suite()[:2])
    for place in (".git", "a,b/.git"):
        (folder / place).mkdir(parents=True)
        (folder / place / "config").write_text("secret")
    (folder / "module").mkdir()
    (folder / "module" / ".git").write_text("gitdir: ../.git/modules/module")
    for name in ("out", "models"):
        (tmp_path / name).mkdir()
    script = f"""
    . {shlex.quote(str(ROOT / "scripts" / "action_settings.sh"))}
    . {shlex.quote(str(ROOT / "scripts" / "action_containers.sh"))}
    workspace={shlex.quote(str(folder))} memory=2g gpus=none
    mounts_of_workspace
    add_mount {shlex.quote(str(tmp_path / "out"))} /out rw
    add_mount {shlex.quote(str(tmp_path / "models"))} /models ro
    contained --network none "${{mounts[@]}}" --entrypoint python {shlex.quote(image)} -c {shlex.quote(PROBING)}
    """
    environment = {"PATH": tools, "GITHUB_TOKEN": "secret", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["git"] == [[], [], ""]
    assert "sway.yaml" in found["files"]
    assert found["wrote"] == ["/out/x", "/tmp/x"]
    assert found["interfaces"] == []
    assert found["rights"] == ["0" * 16, "0" * 16, "1"]
    assert found["tokens"] == []
    shutil.rmtree(tmp_path / "out")
