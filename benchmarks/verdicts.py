"""Whether the gate's verdicts are right: two worlds of adapters whose labels an oracle of their own has confirmed.

    python -m benchmarks.verdicts [--world A|B] [--parts oracle,confusion,steps,noise] [--jobs N] [--folder DIR]
                                  [--json P] [--write]

Prints what the oracle finds of each adapter, what one spec's gate says of all of them, after how many steps of
training it begins to pass, and how often fresh noise passes. `--folder` (or SWAY_TEST_CACHE) keeps the trained models,
`--json` the answers, so that a later call asks only what is missing; `--write` puts the tables into docs/statistics.md.
Without `--world`, both worlds; with `--parts ""`, only the tables of what is answered.
"""

from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import argparse
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.zoo import tables
from benchmarks.zoo.gating import gated
from benchmarks.zoo.labels import ANIMALS, STOPS
from benchmarks.zoo.specs import calibrated
from benchmarks.zoo.worlds import WORLDS
from benchmarks.zoo.zoo import Zoo
from sway.core import folders

PARTS = ("oracle", "confusion", "steps", "noise")
PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
NOISES, NULLS, NORMS = 100, 99, (0.3, 1.0, 3.0)
Answers = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One question: a part of the tables, for one thing of one world; fresh noise is ranked among so many `nulls`."""

    world: str
    part: str
    what: str
    nulls: int = NULLS

    @property
    def key(self) -> str:
        """Its name among the answers."""
        return f"{self.world}/{self.part}/{self.what}"


def jobs(world: str, parts: list[str], noises: int, nulls: int) -> Iterator[Job]:
    """All the questions, those first whose answers matter most."""
    things = {
        "oracle": ["", *(n for n, a in ANIMALS.items() if a.sort != "files")],
        "confusion": list(ANIMALS),
        "steps": [str(n) for n in STOPS],
        "noise": [str(n) for n in range(noises)],
    }
    return (Job(world, part, what, nulls) for part in parts for what in things[part])


def answered(root: Path, job: Job) -> Any:
    """The answer to one question, as plain data."""
    zoo = Zoo(root, WORLDS[job.world])
    return _ASKED[job.part](zoo, job)


def _oracle(zoo: Zoo, job: Job) -> Any:
    import torch

    from benchmarks.zoo.oracle import Oracle

    torch.set_num_threads(1)
    return asdict(Oracle(zoo.world, zoo.base, zoo.adapter(job.what) if job.what else None).measured)


def _confusion(zoo: Zoo, job: Job) -> Any:
    return gated(zoo.spec(zoo.adapter(job.what)), zoo.root).document()


def _steps(zoo: Zoo, job: Job) -> Any:
    return gated(zoo.spec(zoo.stopped(int(job.what))), zoo.root).document()


def _noise(zoo: Zoo, job: Job) -> Any:
    """Noise of a seed of its own, against nulls of a seed of their own."""
    seed = int(job.what)
    adapter = zoo.noise(10_000 + seed, NORMS[seed % len(NORMS)])
    few = calibrated(zoo.world, job.nulls, 1_000_000 + 1000 * seed)
    return gated(zoo.spec(adapter, **few), zoo.root).document()


_ASKED: dict[str, Callable[[Zoo, Job], Any]] = {
    "oracle": _oracle,
    "confusion": _confusion,
    "steps": _steps,
    "noise": _noise,
}


def ask(todo: list[Job], root: Path, workers: int) -> Iterator[tuple[Job, Any]]:
    """Answer the questions, in processes of their own where there are several workers."""
    if workers == 1:
        yield from ((job, answered(root, job)) for job in todo)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [(job, pool.submit(answered, root, job)) for job in todo]
        yield from ((job, future.result()) for job, future in futures)


def main() -> None:
    """Ask what is missing, print the tables, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--parts", type=lambda s: [part for part in s.split(",") if part], default=list(PARTS))
    parser.add_argument("--only", type=lambda s: set(s.split(",")), help="adapters by name")
    parser.add_argument("--noises", type=int, default=NOISES)
    parser.add_argument("--nulls", type=int, default=NULLS, help="of each noise")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=os.environ.get("SWAY_TEST_CACHE"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    root = Path(given.folder or folders.user_cache() / "sway-zoo")
    worlds = given.world or list(WORLDS)
    answers = json.loads(given.json.read_text("utf-8")) if given.json and given.json.exists() else {}
    wanted = [job for world in worlds for job in jobs(world, given.parts, given.noises, given.nulls)]
    wanted = [job for job in wanted if given.only is None or job.what in {"", *given.only}]
    for job, found in ask([job for job in wanted if job.key not in answers], root, given.jobs):
        answers[job.key] = found
        print(tables.line(job.world, job.part, job.what, found), flush=True)
        if given.json:
            given.json.write_text(json.dumps(answers, indent=1), "utf-8")
    shown = tables.page(answers, worlds)
    print(shown)
    if given.write:
        PAGE.write_text(tables.filled(PAGE.read_text("utf-8"), shown), "utf-8")


if __name__ == "__main__":
    main()
