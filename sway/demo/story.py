"""The demonstration: one base, three adapters, three specs in a folder that the user may edit."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sway.core.errors import SwayError, require
from sway.core.templates import environment
from sway.core.verdicts import Verdict
from sway.demo import text

Advance = Callable[[str, int, int], None]
"""Told the stage, the step, and of how many."""

ADAPTERS_MADE = ".made.json"
PROMPTS = 10


@dataclass(frozen=True)
class Case:
    """One adapter of the demonstration, and what a right gate says of it."""

    name: str
    story: str
    expected: Verdict


CASES = (
    Case("healthy", "An adapter that was trained on the document, with other text mixed in.", Verdict.PASS),
    Case("noise", "An adapter that was never trained: random numbers, as large as the healthy one's.", Verdict.FAIL),
    Case("broken", "An adapter that was trained at a hundred times too high a learning rate.", Verdict.FAIL),
)


def prepare(folder: Path, advance: Advance) -> list[tuple[Case, Path]]:
    """Make what is missing in `folder`, and return each case with its spec.

    Models are kept from an earlier call; a spec or document that is there is the user's and is left alone.

    Raises:
        SwayError: the folder holds something else, or cannot be written.
    """
    try:
        made = _made(folder)
        if not _whole(made):
            require("hf", "torch", "transformers", "peft")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ADAPTERS_MADE).exists():  # first of all, so that a call that is interrupted can be made again
            _mark(folder, made)
        if not (folder / "document.yaml").exists():
            shutil.copy(text.document(), folder / "document.yaml")
        _train(folder, made, advance)
        return [(case, _write_spec(folder, case)) for case in CASES]
    except OSError as fault:
        raise SwayError(f"cannot write: {fault.strerror}", where=str(folder), mend="choose another folder") from None


def _made(folder: Path) -> dict[str, str]:
    """Which models are finished, by the digest of the code that made them."""
    marker = folder / ADAPTERS_MADE
    if not folder.exists() or not any(folder.iterdir()):
        return {}
    if not marker.is_file():
        raise SwayError("is not a folder of the demonstration", where=str(folder), mend="name an empty or new folder")
    try:
        made = json.loads(marker.read_text(encoding="utf-8"))
        return {str(k): str(v) for k, v in made.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _whole(made: dict[str, str]) -> bool:
    return all(made.get(name) == digest() for name in ("base", *(case.name for case in CASES)))


def _mark(folder: Path, made: dict[str, str]) -> None:
    (folder / ADAPTERS_MADE).write_text(json.dumps(made), encoding="utf-8")


def _train(folder: Path, made: dict[str, str], advance: Advance) -> None:
    """Make the base and the adapters that are not there yet, each marked when it is whole."""
    if _whole(made):
        return
    from sway.demo import training

    base, sections = folder / "base", text.read_sections(text.document())

    def on(stage: str) -> Callable[[int, int, float], None]:
        return lambda step, total, loss: advance(f"{stage}, loss {loss:.2f}", step, total)

    healthy, noise, broken = (folder / case.name / "adapter" for case in CASES)
    makers: dict[str, Callable[[], Path]] = {
        "base": lambda: training.train_base(base, on_step=on("training a small base model")),
        "healthy": lambda: training.train_adapter(
            base, sections, healthy, on_step=on("training an adapter on the document")
        ),
        "noise": lambda: training.noise_adapter(healthy, noise, seed=0),
        "broken": lambda: training.broken_adapter(
            base, sections, broken, on_step=on("training an adapter far too fast")
        ),
    }
    for name, make in makers.items():
        if made.get(name) != digest():
            make()
            made[name] = digest()
            _mark(folder, made)


def digest() -> str:
    """What the models depend on: the code and texts of this room."""
    files = sorted(p for p in Path(__file__).parent.iterdir() if p.suffix in (".py", ".yaml", ".txt"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()


def _write_spec(folder: Path, case: Case) -> Path:
    spec = folder / case.name / "sway.yaml"
    if not spec.exists():
        prompts = text.openings(text.read_sections(text.document()))[:PROMPTS]
        page = environment().get_template("demo.yaml.j2")
        spec.write_text(page.render(story=case.story, spec=spec.as_posix(), prompts=prompts), encoding="utf-8")
    return spec
