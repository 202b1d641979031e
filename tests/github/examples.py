"""Comments as reviewers see them, from runs of really trained adapters.

`python -m tests.github.examples` writes docs/comments anew from the reports that are kept beside this file;
with `--train FOLDER` it first trains the adapters (in FOLDER, which is kept) and measures those reports anew.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from sway.github.baseline import Baseline
from sway.github.comment_mark import marker, stamp
from sway.github.outcome import conclude
from sway.github.pages import Place, bodies
from sway.github.settings import Wanted

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA, PAGES = HERE / "data", ROOT / "docs" / "comments"
ADAPTERS = {
    "main": "healthy",
    "pass": "healthy_seed1",
    "warn": "healthy",
    "fail": "collapsed",
    "error": "nan",
    "regression": "hasty",
}
"""The adapter behind each report; `main` is what the others are held against."""
SHA = "6f0c1d2e3a4b5968778695a4b3c2d1e0f1a2b3c4"


def comment(name: str) -> str:
    """The comment that a kept report gets."""
    wanted = Wanted(fail_on_regression=True)
    outcome = conclude([DATA / f"{name}.json"], Baseline(DATA / "main.json"), wanted, gate_exit=None)
    place = Place("main", SHA, run_url="https://github.com/acme/models/actions/runs/1")
    return f"{marker('sway.yaml', '')}\n{stamp((1, 1))}\n{bodies(outcome, place)[0]}"


def pages() -> dict[Path, str]:
    """Every page of docs/comments, as it should be."""
    return {PAGES / f"{name}.md": comment(name) for name in ADAPTERS if name != "main"}


def measure(folder: Path) -> None:
    """Train, gate, and keep the reports."""
    import yaml

    from sway.cli.exits import handled
    from sway.cli.main import cli
    from tests.zoo import builders
    from tests.zoo.zoo import Zoo

    builders.ADAPTERS["hasty"] = builders.trained(steps=20)
    zoo = Zoo(folder)
    for name, adapter in ADAPTERS.items():
        place = folder / "examples" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.copytree(zoo.base, place / "base")
        shutil.copytree(zoo.adapter(adapter), place / "adapter")
        shutil.copy(zoo.sections, place / "guide.yaml")
        models = {"base": {"base": "base"}, "ft": {"base": "base", "adapter": "adapter"}}
        spec = {"version": 1, "models": models, "sections": "guide.yaml", "suite": suite(strict=name == "warn")}
        (place / "sway.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        os.chdir(place)
        kept = DATA / f"{name}.json"
        command = ["gate", "sway.yaml", "--json", str(kept)]
        handled(lambda command=command: cli.main(command, standalone_mode=False))
        kept.write_text(kept.read_text(encoding="utf-8").replace(f"{place}/", ""), encoding="utf-8")


def suite(*, strict: bool) -> list[dict[str, object]]:
    """The zoo's own, with ranks of noise to draw; `strict` leaves no room for what cannot be settled."""
    from tests.zoo import zoo

    entries = zoo.suite()
    entries[0]["rank_multipliers"] = [0.5, 1.0, 2.0]
    if strict:
        entries[-1]["assert_mean_delta_gte"] = -0.02
    return entries


def main() -> None:
    """Measure if asked to, and write the pages."""
    if sys.argv[1:2] == ["--train"]:
        measure(Path(sys.argv[2]).resolve())
    PAGES.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
