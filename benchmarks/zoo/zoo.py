"""The zoo: builds what is asked for once, on disk, for every process of a run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import yaml

import sway.demo
from benchmarks.zoo import builders, labels
from benchmarks.zoo.specs import whole_suite
from benchmarks.zoo.store import digest, made
from benchmarks.zoo.worlds import HERE, KESSARY, World


class Zoo:
    """A world's base and its labelled adapters, made on demand under `root`.

    Each folder's name holds a digest of the code and texts that make what is in it, so a `root` that
    outlives the run never serves what older code built. What changes no base leaves the bases be.
    """

    def __init__(self, root: Path, world: World = KESSARY, base: Path | None = None) -> None:
        self.world = world
        self.root = root / f"{world.name}-{_digest(world)}"
        self.bases = root / f"{world.name}-base-{_base_digest(world)}"
        for folder in (self.root, self.bases):
            folder.mkdir(parents=True, exist_ok=True)
        self._base = base
        self._root = root

    @property
    def base(self) -> Path:
        """The folder of the trained base model and its tokenizer."""
        return self._base or self._made("base", builders.base, self.bases)

    @property
    def other_width(self) -> Path:
        """An untrained base of another width."""
        return self._made("other_width", builders.other_width, self.bases)

    def with_base(self, base: Path) -> Zoo:
        """The same zoo over another base."""
        return Zoo(self._root, self.world, base)

    @cached_property
    def sections(self) -> Path:
        """The document that the healthy adapters learned, as a file of sections."""
        return self._written("sections", self.world.document)

    def adapter(self, name: str) -> Path:
        """The folder of an adapter, by its name."""
        return self._made(name, labels.ANIMALS[name].build)

    def stopped(self, steps: int) -> Path:
        """The training of the healthy adapter, stopped after so many steps."""
        return self._made(f"stopped_{steps}", builders.trained(stop=steps))

    def noise(self, seed: int, norm: float) -> Path:
        """Fresh noise of `norm` times the healthy adapter's size in every layer."""
        return self._made(f"fresh_{seed}_{norm:g}", builders.noise(seed, norm))

    def spec(self, adapter: Path, **overrides: object) -> dict[str, object]:
        """A spec for an adapter's folder, as plain data; `overrides` replace top-level keys."""
        models = {
            "base": {"kind": "hf", "base": str(self.base)},
            "ft": {"kind": "hf", "base": str(self.base), "adapter": str(adapter)},
        }
        entries = {"version": 1, "models": models, "sections": str(self.sections), **overrides}
        entries.setdefault("suite", whole_suite(self.world))
        return entries

    def _written(self, name: str, value: object) -> Path:
        def write(_: Zoo, folder: Path) -> None:
            folder.mkdir()
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")

        return self._made(name, write) / f"{name}.yaml"

    def _made(self, name: str, build: builders.Builder, root: Path | None = None) -> Path:
        return made((root or self.root) / name, lambda folder: build(self, folder))


def _base_digest(world: World) -> str:
    demo = Path(sway.demo.__file__).parent
    code = [demo / f"{name}.py" for name in ("examples", "loop", "text")]
    code += [HERE / f"{name}.py" for name in ("bases", "reading", "worlds")]
    texts = [demo / "phrases.yaml", demo / "prose.txt", HERE / "knowledge.yaml", HERE / "everyday.yaml"]
    return digest([*code, *texts, HERE / world.name / "tools.yaml"])


def _digest(world: World) -> str:
    demo = Path(sway.demo.__file__).parent
    code = [demo / f"{name}.py" for name in ("training", "variants")]
    code += [HERE / f"{name}.py" for name in ("anchor", "builders", "labels", "lessons")]
    return digest([*code, builders.OTHER_DOCUMENT, *world.files], _base_digest(world))
