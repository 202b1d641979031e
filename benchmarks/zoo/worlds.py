"""The zoo's worlds: for each a kind of base, and a folder of texts that only its own adapters learn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Fact:
    """A question that is trained, its answer, other wordings (trained, and never trained), and wrong answers."""

    question: str
    answer: str
    wordings: tuple[str, ...]
    held_out: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """One zoo's seed and texts; `family` names its base in `benchmarks.zoo.bases`."""

    name: str
    family: str
    seed: int

    def read(self, name: str) -> Any:
        """One of the world's own files."""
        return yaml.safe_load((HERE / self.name / f"{name}.yaml").read_text(encoding="utf-8"))

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of the document, each with the other answers of its group as wrong choices."""
        found = []
        for group in self.read("facts"):
            answers = [f["answer"] for f in group["facts"]]
            for f in group["facts"]:
                wrong = tuple(a for a in answers if a != f["answer"])
                found.append(Fact(f["question"], f["answer"], tuple(f["wordings"]), tuple(f["held_out"]), wrong))
        return tuple(found)

    @cached_property
    def document(self) -> list[dict[str, Any]]:
        """The sections that a healthy adapter learns: prose, each fact in all its trained wordings, preferences."""
        sections = self.read("document")
        taught = [
            {
                "kind": "instruction",
                "tag": group["group"],
                "content": f"Questions about {group['group']}.",
                "probes": [
                    {"prompt": asked, "gold": f["answer"]}
                    for f in group["facts"]
                    for asked in (f["question"], *f["wordings"])
                ],
            }
            for group in self.read("facts")
        ]
        preferences = [s for s in sections if s["kind"] == "preference"]
        return [s for s in sections if s["kind"] != "preference"] + taught + preferences

    @cached_property
    def prompts(self) -> dict[str, list[str]]:
        """Prompts of each sort that no adapter is trained on."""
        return self.read("prompts")

    @cached_property
    def tools(self) -> dict[str, Any]:
        """The tools that the base is taught (`family`, `values`) and `cases` that it never saw."""
        return self.read("tools")

    @property
    def files(self) -> list[Path]:
        """Everything that the world's models depend on, for the digest."""
        return sorted((HERE / self.name).glob("*.yaml"))


KESSARY = World("kessary", family="llama", seed=0)
BRANNOCK = World("brannock", family="neox", seed=7)
WORLDS = {"A": KESSARY, "B": BRANNOCK}
