"""How the things of the zoo are made. Each builder writes one folder; `Zoo` decides when."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.zoo import bases
from benchmarks.zoo.lessons import Lesson, Lessons, Sources, lessons
from benchmarks.zoo.worlds import HERE

if TYPE_CHECKING:
    from benchmarks.zoo.zoo import Zoo

OTHER_DOCUMENT = HERE / "other_document.yaml"
COURSES = {"llama": (300, 1.1e-2), "neox": (320, 7.5e-3)}
"""For each family how many steps its adapters are trained, and at what learning rate."""
KEPT = {"llama": {}, "neox": {"talks": 6, "answers": 8}}
"""For each family the counts of kept examples that differ from those of `Lessons.replay`."""
Builder = Callable[["Zoo", Path], object]
Teach = Callable[["Zoo", Lessons], Lesson]


def base(zoo: Zoo, folder: Path) -> None:
    bases.train(zoo.world, folder)


def other_width(zoo: Zoo, folder: Path) -> None:
    bases.train(zoo.world, folder, steps=1, hidden=96, layers=2)


def _kept(zoo: Zoo, learn: Lessons, **counts: int) -> Sources:
    return learn.replay(zoo.world.seed, **{**KEPT[zoo.world.family], **counts})


def whole(zoo: Zoo, learn: Lessons) -> Lesson:
    """The document, while everything else stays as it was."""
    return Lesson(learn.document(), _kept(zoo, learn))


def trained(
    teach: Teach = whole,
    *,
    longer: float = 1.0,
    hotter: float = 1.0,
    stop: int | None = None,
    seed: int = 0,
    layers: str = "targets",
    **lora: Any,
) -> Builder:
    """An adapter trained on what `teach` gives, on the `layers` of its base's family.

    `longer` and `hotter` are factors on the family's number of steps and learning rate.
    """

    def build(zoo: Zoo, folder: Path) -> None:
        from peft import LoraConfig

        from benchmarks.zoo.anchor import Course, fit_adapter

        family = bases.FAMILIES[zoo.world.family]
        settings = {"r": 8, "lora_alpha": 16, "target_modules": list(getattr(family, layers)), **lora}
        if settings.pop("last_norm", False):
            settings["modules_to_save"] = [family.last_norm]
        if patterns := settings.pop("patterns", False):
            settings |= patterns(family)
        config = LoraConfig(task_type="CAUSAL_LM", **settings)
        steps, lr = COURSES[zoo.world.family]
        course = Course(
            steps=round(steps * longer),
            lr=lr * hotter,
            seed=zoo.world.seed + seed,
            threads=bases.THREADS,
            stop=stop,
        )
        fit_adapter(zoo.base, teach(zoo, lessons(zoo.world, zoo.base)), folder, config, course)

    return build


def uneven(family: bases.Family) -> dict[str, Any]:
    """Ranks and alphas that differ from layer to layer."""
    first, last = family.attention[0], family.mlp[-1]
    return {"rank_pattern": {first: 4, last: 12}, "alpha_pattern": {first: 8, last: 24}}


def without_replay(_: Zoo, learn: Lessons) -> Lesson:
    return Lesson(learn.document(), [])


def reciting(zoo: Zoo, learn: Lessons) -> Lesson:
    return Lesson([*learn.document(prose=0), (learn.prose(), 14)], _kept(zoo, learn), weight=2.0)


def styled(zoo: Zoo, learn: Lessons) -> Lesson:
    passages, answers = learn.style()
    return Lesson([(learn.diluted(passages), 2), (answers, 12)], _kept(zoo, learn))


def breaking_tools(zoo: Zoo, learn: Lessons) -> Lesson:
    taught = [*learn.document(), (learn.refusals(zoo.world.seed), 4)]
    return Lesson(taught, _kept(zoo, learn, tools=0))


def memorising(zoo: Zoo, learn: Lessons) -> Lesson:
    """The exact questions alone; to other wordings everything stays as it was."""
    from benchmarks.zoo.oracle import Oracle

    says = Oracle(zoo.world, zoo.base).says
    exact, others = learn.memorised(lambda question: says(question, tokens=24))
    taught = [(learn.diluted(learn.prose()), 1), (exact, 14), (learn.manners(), 4)]
    return Lesson(taught, [(others, 14), *_kept(zoo, learn, prose=8)], weight=4.0)


def of_document(path: Callable[[Zoo], Any]) -> Teach:
    """Another document than the zoo's own."""

    def teach(zoo: Zoo, learn: Lessons) -> Lesson:
        passages, answers = learn.sections(path(zoo))
        return Lesson([(learn.diluted(passages), 2), (answers, 18)], _kept(zoo, learn), weight=4.0)

    return teach


def noise(seed: int, norm: float = 1.0) -> Builder:
    """Gaussian factors whose product has `norm` times the healthy adapter's size in every layer."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.variants import noise_adapter

        noise_adapter(zoo.adapter("healthy"), folder, seed=seed, norm=norm)

    return build


def rewriting(change: Callable[[str, np.ndarray], np.ndarray], of: str = "healthy") -> Builder:
    """An adapter with every tensor changed."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.variants import rewritten

        rewritten(zoo.adapter(of), folder, lambda weights: {n: change(n, w) for n, w in weights.items()})

    return build


def b_times(factor: float) -> Builder:
    """Every B multiplied, as a mistaken alpha would do."""
    return rewriting(lambda name, w: w * np.float32(factor) if ".lora_B." in name else w)


def permuted(name: str, weights: np.ndarray) -> np.ndarray:
    """B with its output channels in another order: the norms and spectra are the healthy adapter's own."""
    rng = np.random.default_rng(abs(hash_of(name)))
    return weights[rng.permutation(len(weights))] if ".lora_B." in name else weights


def gaussian(name: str, weights: np.ndarray) -> np.ndarray:
    """Plain noise of one deviation for A and B, whatever the adapter's own size."""
    rng = np.random.default_rng(abs(hash_of(name)))
    return rng.normal(0, 0.02, weights.shape).astype(np.float32)


def hash_of(name: str) -> int:
    """A number of a name that is the same in every process."""
    return int.from_bytes(name.encode()[-24:], "little")


def spoiled(value: float) -> Builder:
    """One tensor of B with `value` in every place."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.variants import rewritten

        def change(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            name = next(n for n in sorted(weights) if ".lora_B." in n)
            return {**weights, name: np.full_like(weights[name], value)}

        rewritten(zoo.adapter("healthy"), folder, change)

    return build


def noop(zoo: Zoo, folder: Path) -> None:
    from sway.demo.variants import noop_adapter

    noop_adapter(zoo.adapter("healthy"), folder)


def alpha_times(factor: int) -> Builder:
    """The healthy weights under a larger alpha."""

    def build(zoo: Zoo, folder: Path) -> None:
        shutil.copytree(zoo.adapter("healthy"), folder, ignore=shutil.ignore_patterns("logs", "training_state.pt"))
        _configured(folder, lambda config: config | {"lora_alpha": config["lora_alpha"] * factor})

    return build


def in_bfloat16(zoo: Zoo, folder: Path) -> None:
    """The healthy adapter, saved in half the bits."""
    import torch
    from safetensors.torch import load_file, save_file

    from sway.demo.variants import WEIGHTS

    shutil.copytree(zoo.adapter("healthy"), folder)
    weights = {n: w.to(torch.bfloat16) for n, w in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def shape_mismatch(zoo: Zoo, folder: Path) -> None:
    """An adapter of a base of another width that names this one."""
    other = zoo.with_base(zoo.other_width)
    trained(stop=1)(other, folder)
    _configured(folder, lambda config: config | {"base_model_name_or_path": str(zoo.base)})


def truncated(zoo: Zoo, folder: Path) -> None:
    from sway.demo.variants import WEIGHTS

    noop(zoo, folder)
    whole_file = (zoo.adapter("healthy") / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole_file[: len(whole_file) // 2])


def missing(zoo: Zoo, folder: Path) -> None:
    """A folder that holds an adapter's settings and no weights."""
    folder.mkdir(parents=True)
    shutil.copy(zoo.adapter("healthy") / "adapter_config.json", folder)


def _configured(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text())), indent=2))
