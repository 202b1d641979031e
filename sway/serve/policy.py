"""What a spec from the network may name. All that is not allowed here is refused before any file is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sway.backends.files import base_folder, embedder_folder
from sway.core.errors import SwayError
from sway.suite.files import exists
from sway.suite.resolve import expand, looks_like_path

_HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
_REVISION = re.compile(r"[\w.-]{1,128}")


class Refused(SwayError):
    """The server does not do that for a request."""


@dataclass(frozen=True)
class Policy:
    """What requests may use.

    `roots` are the folders below which paths may lead. Models of the hub must be on this machine already, unless
    `download`. Code that a spec or model repository brings runs only with `code`. `endpoints` are the servers that
    models of kind api may be on.
    """

    roots: tuple[Path, ...]
    download: bool = False
    code: bool = False
    endpoints: tuple[str, ...] = ()

    def place(self, spec_path: str | None) -> Path:
        """Where a spec is taken to be, so that its relative paths mean something."""
        path = self.roots[0] / (expand(spec_path or "sway.yaml") or "sway.yaml")
        self._inside("spec_path", [path])
        return path

    def check(self, spec: Mapping[str, Any], path: Path) -> None:
        """Raise `Refused` if the spec, which has not been checked otherwise yet, names what it may not."""
        for key, text in _paths(spec):
            self._path(key, text, path.parent)
        models = dict(_models(spec))
        # The tuned model's kind decides how both are loaded, so that neither side's own kind says what becomes of it.
        loaded = any(model.get("kind", "hf") in ("hf", "mlx") for model in models.values())
        for key, model in models.items():
            self._model(key, model, path.parent, loaded=loaded)
        for i, entry in enumerate(_entries(spec)):
            if isinstance(name := entry.get("embedding_model"), str):
                self._base(f"suite[{i}].embedding_model", name, path.parent, embedder_folder(name))

    def _model(self, key: str, model: Mapping[str, Any], folder: Path, *, loaded: bool) -> None:
        for setting, asked in (("kind", model.get("kind") == "custom"), ("trust_remote_code", _is_on(model))):
            if asked and not self.code:
                raise Refused(
                    "asks to run code that it brings, which this server does not do for requests",
                    where=f"{key}.{setting}",
                    mend="start it with --allow-code if you trust everybody who can reach it",
                )
        endpoint = model.get("endpoint")
        if endpoint is not None and origin(endpoint) not in {origin(e) for e in self.endpoints}:
            mend = "start it with --allow-endpoint URL"
            raise Refused("this server does not ask that endpoint", where=f"{key}.endpoint", mend=mend)
        base, revision = model.get("base"), model.get("revision")
        if revision is not None and not (isinstance(revision, str) and _REVISION.fullmatch(revision)):
            raise Refused("is no name of a revision", where=f"{key}.revision", mend="give a branch, tag or commit")
        if isinstance(base, str) and (loaded or model.get("kind") != "api"):  # a server's names are its own
            self._base(f"{key}.base", base, folder, base_folder(base, revision), loaded=loaded)

    def _base(self, key: str, name: str, folder: Path, found: Path | None, *, loaded: bool = True) -> None:
        """A folder below the roots, or a name: one that is `loaded` is of the hub, and here (`found`) or may be had."""
        there = [p for p in _candidates(name, folder) if exists(p)]
        if looks_like_path(name) or there:
            self._inside(key, there or _candidates(name, folder))
        elif not loaded:
            return
        elif not _HUB_ID.fullmatch(name) or ".." in name:
            raise Refused("is neither a folder below the server's nor a model id", where=key)
        elif found is None and not self.download:
            mend = "download it there first, or start the server with --allow-download"
            raise Refused("is not on the server's machine, and requests may not download", where=key, mend=mend)

    def _path(self, key: str, text: str, folder: Path) -> None:
        first, *others = _candidates(text, folder)
        self._inside(key, [first])
        if not exists(first):  # the loader then looks in the working folder
            self._inside(key, [p for p in others if exists(p)])

    def _inside(self, key: str, paths: list[Path]) -> None:
        for path in paths:
            try:
                real = path.resolve()
            except (OSError, ValueError, RuntimeError):
                raise Refused("is no path", where=key) from None
            if not any(real.is_relative_to(root) for root in self.roots):
                mend = "move it there, or start the server with --root DIR"
                raise Refused("leads out of the folders that requests may name", where=key, mend=mend)


def _candidates(text: str, folder: Path) -> list[Path]:
    """The places that the loader may look in."""
    path = expand(text)
    if path is None:
        return [folder / text]
    return [folder / path, Path.cwd() / path]


def _is_on(model: Mapping[str, Any]) -> bool:
    return bool(model.get("trust_remote_code")) or model.get("entry_point") is not None


def origin(url: object) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address, for comparison; None where it is none."""
    try:
        parts = urlsplit(str(url))
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.scheme, parts.hostname, parts.port or standard) if parts.hostname else None
    except ValueError:
        return None


def _models(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    models = spec.get("models")
    for side in ("base", "ft"):
        model = models.get(side) if isinstance(models, Mapping) else None
        if isinstance(model, Mapping):
            yield f"models.{side}", model


def _entries(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    suite = spec.get("suite")
    return [entry for entry in suite if isinstance(entry, Mapping)] if isinstance(suite, list) else []


def _paths(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything in a spec that is a path if it is a text."""
    for key in ("sections", "controls", "dlm_source"):
        if isinstance(text := spec.get(key), str):
            yield key, text
    for side, model in _models(spec):
        if isinstance(text := model.get("adapter"), str):
            yield f"{side}.adapter", text
    for i, entry in enumerate(_entries(spec)):
        for key, value in entry.items():
            if isinstance(key, str) and key.endswith("_path") and isinstance(value, str):
                yield f"suite[{i}].{key}", value
