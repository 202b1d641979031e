"""Comments as reviewers see them, from runs of really trained adapters.

`python -m tests.github.examples` writes docs/comments anew from the reports that are kept beside this file;
with `--train FOLDER` it first trains the adapters (in FOLDER, which is kept) and measures those reports anew.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = HERE / "data"
SPECS = {
    "pass": "healthy",
    "warn": "healthy",
    "fail": "collapsed",
    "error": "nan",
    "regression": "hasty",
    "main": "healthy",
}
"""The adapter behind each report."""


def measure(folder: Path) -> None:
    """Train, gate, and keep the reports."""
    import os

    import yaml

    from sway.cli.exits import handled
    from sway.cli.main import cli
    from tests.zoo import builders
    from tests.zoo.zoo import Zoo

    builders.ADAPTERS["hasty"] = builders.trained(steps=20)
    zoo = Zoo(folder)
    for name, adapter in SPECS.items():
        place = folder / "examples" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for link, target in (("base", zoo.base), ("adapter", zoo.adapter(adapter)), ("guide.yaml", zoo.sections)):
            copy = shutil.copytree if target.is_dir() else shutil.copy
            copy(target, place / link)
        models = {"base": {"base": "base"}, "ft": {"base": "base", "adapter": "adapter"}}
        spec = {"version": 1, "models": models, "sections": "guide.yaml", "suite": suite(strict=name == "warn")}
        (place / "sway.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        os.chdir(place)
        command = ["gate", "sway.yaml", "--json", str(DATA / f"{name}.json")]
        handled(lambda command=command: cli.main(command, standalone_mode=False))


def suite(*, strict: bool) -> list[dict[str, object]]:
    """The zoo's own, with ranks of noise to draw; `strict` leaves no room for what cannot be settled."""
    from tests.zoo import zoo

    entries = zoo.suite()
    entries[0]["rank_multipliers"] = [0.5, 1.0, 2.0]
    if strict:
        entries[-1]["assert_mean_delta_gte"] = -0.02
    return entries


def main() -> None:
    """Measure if asked to."""
    if sys.argv[1:2] == ["--train"]:
        measure(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
