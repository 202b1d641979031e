"""The zoo: builds what is asked for once, on disk, for every process of a run."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import yaml

import sway.demo
from sway.demo.text import document, openings, read_sections
from tests.zoo import builders

_STALE_SECONDS = 900


class Zoo:
    """Labelled adapters on one base model, made on demand under `root`.

    The folder's name holds a digest of the code and texts that make the models, so a `root` that
    outlives the run never serves what older code built.
    """

    names = tuple(builders.ADAPTERS)

    def __init__(self, root: Path) -> None:
        self.root = root / _digest()
        self.root.mkdir(parents=True, exist_ok=True)

    @cached_property
    def base(self) -> Path:
        """The folder of the trained base model and its tokenizer."""
        return self._made("base", builders.base)

    @cached_property
    def other_width(self) -> Path:
        """An untrained base of another width."""
        return self._made("other_width", builders.other_width)

    @property
    def sections(self) -> Path:
        """The document that the healthy adapters learned, as a file of sections."""
        return document()

    @property
    def other_sections(self) -> Path:
        """The document that `wrong_document` learned."""
        return builders.OTHER_DOCUMENT

    def adapter(self, name: str) -> Path:
        """The folder of an adapter, by its label."""
        return self._made(name, builders.ADAPTERS[name])

    def spec(self, tmp_path: Path, name: str, **overrides: object) -> Path:
        """Write a `sway.yaml` for an adapter; `overrides` replace top-level keys."""
        models = {
            "base": {"kind": "hf", "base": str(self.base)},
            "ft": {"kind": "hf", "base": str(self.base), "adapter": str(self.adapter(name))},
        }
        entries = {"version": 1, "models": models, "sections": str(self.sections), **overrides}
        entries.setdefault("suite", suite())
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
        return path

    def _made(self, name: str, build: Callable[[Zoo, Path], object]) -> Path:
        done, lock = self.root / name, self.root / f"{name}.lock"
        while not done.exists():
            if _taken(lock):
                try:
                    if not done.exists():
                        self._build(done, build)
                finally:
                    lock.rmdir()
            else:
                time.sleep(0.2)
        return done

    def _build(self, done: Path, build: Callable[[Zoo, Path], object]) -> None:
        half = done.with_name(f"{done.name}.{os.getpid()}")
        try:
            build(self, half)
            half.rename(done)
        finally:
            shutil.rmtree(half, ignore_errors=True)


def suite() -> list[dict[str, object]]:
    """Probes that tell a healthy adapter from every other label, over 19 nulls."""
    prompts = openings(read_sections(document()))[:10]
    return [
        {"name": "nulls", "kind": "null_adapter", "runs": 19},
        {"name": "changed", "kind": "delta_kl", "prompts": prompts},
        {"name": "learned", "kind": "section_internalization"},
        {"name": "curve", "kind": "adapter_ablation", "prompts": prompts},
        {"name": "recite", "kind": "leakage"},
        {"name": "intact", "kind": "external_perplexity", "chunk_chars": 1024},
    ]


def _taken(lock: Path) -> bool:
    """Whether this process got the lock; a lock whose owner died long ago is removed."""
    try:
        lock.mkdir()
    except FileExistsError:
        try:
            if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
                lock.rmdir()
        except FileNotFoundError:
            pass
        return False
    return True


def _digest() -> str:
    demo, here = Path(sway.demo.__file__).parent, Path(__file__).parent
    code = [demo / f"{name}.py" for name in ("examples", "loop", "text", "training", "variants")] + [
        here / "builders.py"
    ]
    texts = [demo / "document.yaml", demo / "phrases.yaml", demo / "prose.txt", builders.OTHER_DOCUMENT]
    return hashlib.sha256(b"\0".join(p.read_bytes() for p in (*code, *texts))).hexdigest()[:16]
