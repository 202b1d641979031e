"""How each adapter of the zoo is made. Each builder writes one folder; `Zoo` decides when."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sway.demo.text import document, read_sections

if TYPE_CHECKING:
    from tests.zoo.zoo import Zoo

OTHER_DOCUMENT = Path(__file__).parent / "other_document.yaml"
Builder = Callable[["Zoo", Path], object]


def base(zoo: Zoo, folder: Path) -> None:
    from sway.demo.training import train_base

    train_base(folder)


def other_width(zoo: Zoo, folder: Path) -> None:
    from sway.demo.training import train_base

    train_base(folder, steps=1, hidden=64, layers=2)


def trained(**settings: object) -> Builder:
    """An adapter trained on the document as the settings say."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.training import train_adapter

        train_adapter(zoo.base, read_sections(document()), folder, **settings)

    return build


def wrong_document(zoo: Zoo, folder: Path) -> None:
    from sway.demo.training import train_adapter

    train_adapter(zoo.base, read_sections(OTHER_DOCUMENT), folder)


def collapsed(zoo: Zoo, folder: Path) -> None:
    from sway.demo.training import broken_adapter

    broken_adapter(zoo.base, read_sections(document()), folder)


def noise(seed: int, norm: float) -> Builder:
    """Gaussian factors whose product has `norm` times the healthy adapter's size in every layer."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.variants import noise_adapter

        noise_adapter(zoo.adapter("healthy"), folder, seed=seed, norm=norm)

    return build


def noop(zoo: Zoo, folder: Path) -> None:
    from sway.demo.variants import noop_adapter

    noop_adapter(zoo.adapter("healthy"), folder)


def b_times(factor: float) -> Builder:
    """The healthy adapter with every B multiplied, as a mistaken alpha would do."""

    def build(zoo: Zoo, folder: Path) -> None:
        from sway.demo.variants import rewritten

        def scaled(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {n: w * np.float32(factor) if ".lora_B." in n else w for n, w in weights.items()}

        rewritten(zoo.adapter("healthy"), folder, scaled)

    return build


def not_a_number(zoo: Zoo, folder: Path) -> None:
    from sway.demo.variants import rewritten

    def spoiled(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        name = next(n for n in sorted(weights) if ".lora_B." in n)
        return {**weights, name: np.full_like(weights[name], np.nan)}

    rewritten(zoo.adapter("healthy"), folder, spoiled)


def shape_mismatch(zoo: Zoo, folder: Path) -> None:
    from sway.demo.training import train_adapter

    train_adapter(zoo.other_width, read_sections(document()), folder, steps=1)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(zoo.base)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))


def truncated(zoo: Zoo, folder: Path) -> None:
    from sway.demo.variants import WEIGHTS, noop_adapter

    noop_adapter(zoo.adapter("healthy"), folder)
    whole = (zoo.adapter("healthy") / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def missing(zoo: Zoo, folder: Path) -> None:
    """A folder that holds an adapter's settings and no weights."""
    folder.mkdir(parents=True)
    config = (zoo.adapter("healthy") / "adapter_config.json").read_text()
    (folder / "adapter_config.json").write_text(config)


ADAPTERS: dict[str, Builder] = {
    "healthy": trained(),
    "healthy_seed1": trained(seed=1),
    "healthy_rslora": trained(use_rslora=True, alpha=6),
    "healthy_dora": trained(use_dora=True),
    "noop": noop,
    "noise": noise(0, 1.0),
    "noise_seed1": noise(1, 1.0),
    "noise_small": noise(2, 0.3),
    "noise_large": noise(3, 3.0),
    "one_step": trained(steps=1),
    "wrong_document": wrong_document,
    "collapsed": collapsed,
    "forgetter": trained(replay=0.0, lr=6e-3),
    "b_times_8": b_times(8.0),
    "nan": not_a_number,
    "shape_mismatch": shape_mismatch,
    "truncated": truncated,
    "missing": missing,
}
