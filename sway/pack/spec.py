"""A spec made to stand in a pack: the files that it reads come along, every other path becomes absolute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sway.core.errors import SwayError
from sway.core.yamlout import to_yaml
from sway.pack.layout import DOCUMENT, SPEC
from sway.suite.problems import Problems
from sway.suite.resolve import expand
from sway.suite.spec import LoadedSpec
from sway.suite.yamltree import parse

_HEAD = "# From a swaypack. What it reads is beside it; models are where they were when it was packed.\n"


def portable(loaded: LoadedSpec) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The spec and the files that it reads, by their names in a pack; and the paths of its probes that stay outside.

    Raises:
        SwayError: one of the files cannot be read.
    """
    data = parse(loaded.path.read_text(encoding="utf-8-sig"), Problems(str(loaded.path))).data
    files: dict[str, bytes] = {}
    for side in ("base", "ft"):
        model = getattr(loaded.spec.models, side)
        told = {key: getattr(model, key) for key in ("base", "adapter") if key in data["models"][side]}
        data["models"][side] = {**data["models"][side], **told}
    for key in ("sections", "controls"):
        if isinstance(data.get(key), str):
            there = loaded.path.parent / (expand(data[key]) or data[key])
            data[key] = f"{key}{there.suffix.lower()}"
            files[data[key]] = _read(there)
    if loaded.spec.dlm_source:
        _bring_document(loaded, data, files)
    outside = _outside(loaded, data)
    files[SPEC] = (_HEAD + to_yaml(data)).encode()
    return files, outside


def _bring_document(loaded: LoadedSpec, data: dict[str, Any], files: dict[str, bytes]) -> None:
    """The document; and its sections by themselves where the adapter's place decides which of them count."""
    from sway.integrations.dlm.document import read_document

    source = Path(str(loaded.spec.dlm_source))
    files[DOCUMENT] = _read(source)
    data["dlm_source"] = DOCUMENT
    if data.get("sections") is None and read_document(source).adapters:
        data["sections"] = [s.model_dump(mode="json", exclude_defaults=True) for s in loaded.sections]


def _outside(loaded: LoadedSpec, data: dict[str, Any]) -> tuple[str, ...]:
    """Make the `..._path` settings of probes absolute, and name them."""
    found: list[str] = []
    for entry, written in zip(loaded.spec.suite, data["suite"], strict=True):
        for key in [k for k, v in written.items() if k.endswith("_path") and v is not None]:
            written[key] = str(getattr(entry.params, key))
            found.append(f"{entry.name}.{key}: {written[key]}")
    return tuple(found)


def spec_data(text: str, shown: str) -> dict[str, Any]:
    """The data of a packed spec, whose models are mappings.

    Raises:
        SwayError: the text is no spec.
    """
    data = parse(text, problems := Problems(shown)).data
    problems.raise_any()
    models = data.get("models") if isinstance(data, dict) else None
    if not isinstance(models, dict) or not all(isinstance(models.get(side), dict) for side in ("base", "ft")):
        raise SwayError("is no spec: it has no models", where=shown, mend="ask for the pack again")
    return dict(data)


def with_models(data: dict[str, Any], base: str | None, adapter: str | None) -> bytes:
    """The spec with another base or adapter."""
    for side in ("base", "ft"):
        data["models"][side].update({"base": base} if base else {})
    data["models"]["ft"].update({"adapter": adapter} if adapter else {})
    return (_HEAD + to_yaml(data)).encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SwayError(f"cannot be read: {fault.strerror}", where=str(path)) from None
