"""Reads a spec: every fault in it at once, each with its line, before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sway.core.errors import SpecError, SwayError
from sway.core.sections import Section
from sway.suite.coherence import check_coherence
from sway.suite.entries import read_entries
from sway.suite.files import read_text
from sway.suite.plain import Tree, plain
from sway.suite.problems import Problems, nearest
from sway.suite.registry import Registry, standard
from sway.suite.resolve import expand, resolve_file, resolve_model
from sway.suite.spec import Defaults, LoadedSpec, Models, Spec
from sway.suite.texts import read_sections
from sway.suite.wording import validate
from sway.suite.yamltree import parse

MAX_BYTES = 1_000_000


def load_spec(path: str | Path, *, registry: Registry | None = None) -> LoadedSpec:
    """Read, check and resolve a spec file.

    Raises:
        SpecError: with every fault in the file and in the section files that it names.
    """
    shown = str(path)
    try:
        text = read_text(_place(path), shown=shown, limit=MAX_BYTES, role="spec")
    except SwayError as fault:
        raise SpecError([fault]) from None
    return spec_from_text(text, path=shown, registry=registry)


def spec_from_text(text: str, *, path: str | Path, registry: Registry | None = None) -> LoadedSpec:
    """Check and resolve the text of a spec, as if it had been read from `path`, which need not exist.

    Raises:
        SpecError: with every fault in the text and in the section files that it names.
    """
    problems = Problems(str(path))
    return _load(parse(text, problems), _place(path).absolute(), problems, registry)


def spec_from_data(
    data: Mapping[str, Any], *, path: str | Path = "sway.yaml", registry: Registry | None = None
) -> LoadedSpec:
    """Check and resolve a spec given as plain data, as if it had been read from `path`, which need not exist.

    Raises:
        SpecError: with every fault in the data and in the section files that it names.
    """
    problems = Problems(str(path))
    return _load(Tree(plain(data, (), problems)), _place(path).absolute(), problems, registry)


def _place(path: str | Path) -> Path:
    return expand(str(path)) or Path(path)


def _load(tree: Tree, path: Path, problems: Problems, registry: Registry | None) -> LoadedSpec:
    if not isinstance(tree.data, dict):
        problems.stop("a spec is a mapping with the keys version, models and suite", "1")
    spec = _read(tree.data, path.parent, problems, standard() if registry is None else registry)
    problems.raise_any()
    if spec is None:
        raise SpecError([SwayError("cannot be used", where=problems.shown)])
    return LoadedSpec(spec, path, tree.lines)


def _read(data: dict[str, Any], folder: Path, problems: Problems, registry: Registry) -> Spec | None:
    _check_keys(data, problems)
    models = validate(Models, data["models"], ("models",), problems) if "models" in data else None
    if models:
        sides = {side: getattr(models, side) for side in ("base", "ft")}
        models = Models(**{k: resolve_model(m, folder, ("models", k), problems) for k, m in sides.items()})
    defaults = validate(Defaults, data.get("defaults", {}), ("defaults",), problems)
    suite = read_entries(data.get("suite"), folder, problems, registry) if "suite" in data else ()
    sections, controls = (_texts(data.get(key), key, folder, problems) for key in ("sections", "controls"))
    source = _source(data.get("dlm_source"), folder, problems)
    if source and data.get("sections") is None:
        sections = _from_document(source, models, problems)
    check_coherence(models, defaults, suite, problems, registry)
    if not (models and defaults):
        return None
    return Spec(models=models, defaults=defaults, suite=suite, dlm_source=source, sections=sections, controls=controls)


def _texts(value: Any, key: str, folder: Path, problems: Problems) -> tuple[Section, ...]:
    return () if value is None else read_sections(value, (key,), folder, problems)


def _from_document(source: str, models: Models | None, problems: Problems) -> tuple[Section, ...]:
    """The sections of a `.dlm` document; its faults carry its own lines."""
    from sway.integrations.dlm.resolver import source_sections

    adapter = models.ft.adapter if models else None
    try:
        return source_sections(Path(source), Path(adapter) if adapter else None)
    except SwayError as fault:
        problems.include([fault])
        return ()


def _check_keys(data: dict[str, Any], problems: Problems) -> None:
    known = list(Spec.model_fields)
    for key in data:
        if key not in known:
            problems.add("unknown key", (key,), mend=nearest(key, known))
    for key in ("models", "suite"):
        if key not in data:
            problems.add(f"the key {key} is missing")
    if "version" not in data:
        problems.add("the key version is missing", mend="add: version: 1")
    elif data["version"] != 1 or isinstance(data["version"], bool):
        problems.add("this release reads version 1 only", ("version",), mend="write: version: 1")


def _source(value: Any, folder: Path, problems: Problems) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        problems.add("must be text", ("dlm_source",))
        return None
    path = resolve_file(value, folder, ("dlm_source",), problems)
    return str(path.resolve()) if path else None
