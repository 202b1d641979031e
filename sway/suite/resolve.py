"""Turns the paths in a spec into absolute ones: relative to the spec, wherever it is used from."""

from __future__ import annotations

from pathlib import Path

from sway.core.model import ModelSpec
from sway.core.probe import Params
from sway.suite.files import exists
from sway.suite.problems import NodePath, Problems

_PATH_MARKS = ("./", "../", "/", "~", ".\\", "..\\")


def expand(text: str) -> Path | None:
    """The path with `~` expanded, or None where no such user is known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return None


def looks_like_path(base: str) -> bool:
    """Whether a base can only be meant as a folder.

    >>> [looks_like_path(base) for base in ("./m", "~/m", "org/m", "m")]
    [True, True, False, False]
    """
    return base in (".", "..") or base.startswith(_PATH_MARKS) or Path(base).is_absolute()


def resolve_model(model: ModelSpec, folder: Path, at: NodePath, problems: Problems) -> ModelSpec:
    """The model with absolute folders. A base is a hub id unless it looks like a path or is a folder there."""
    changes: dict[str, str | None] = {}
    if model.adapter is not None:
        changes["adapter"] = _adapter(model.adapter, folder, (*at, "adapter"), problems)
    if model.kind != "api":
        changes["base"] = _base(model.base, folder, (*at, "base"), problems)
    return model.model_copy(update={k: v for k, v in changes.items() if v != getattr(model, k)})


def _adapter(text: str, folder: Path, at: NodePath, problems: Problems) -> str | None:
    path = expand(text)
    if path is None or not text.strip():
        problems.add(f"{text!r} is not a path", at)
        return None
    tried = list(dict.fromkeys([folder / path, Path.cwd() / path]))
    found = next((place for place in tried if exists(place)), None)
    if found is None:
        places = " and ".join(str(place) for place in tried)
        problems.add(f"no such adapter folder; tried {places}", at, mend="paths are relative to the spec")
    elif not found.is_dir():
        problems.add(f"{found} is a file", at, mend="name the folder that holds adapter_config.json")
    else:
        return str(found.resolve())
    return None


def _base(text: str, folder: Path, at: NodePath, problems: Problems) -> str:
    path = expand(text)
    if path is not None and exists(folder / path) and (folder / path).is_dir():
        return str((folder / path).resolve())
    if looks_like_path(text):
        place = folder / (path or text)
        problems.add(f"no such model folder; tried {place}", at, mend="name a folder, or a model id of the hub")
    return text


def resolve_params(params: Params, folder: Path) -> Params:
    """Parameters whose `..._path` fields are absolute; one that is only under the working folder is found there."""
    changes = {}
    for name in type(params).model_fields:
        value = getattr(params, name)
        if name.endswith("_path") and isinstance(value, (str, Path)) and (path := expand(str(value))):
            changes[name] = type(value)(_first(folder / path, Path.cwd() / path))
    return params.model_copy(update=changes) if changes else params


def _first(preferred: Path, other: Path) -> Path:
    return other.resolve() if exists(other) and not exists(preferred) else preferred.resolve()


def resolve_file(text: str, folder: Path, at: NodePath, problems: Problems) -> Path | None:
    """A file that the spec names, absolute; a missing one is a problem."""
    path = expand(text)
    if path is None or not exists(folder / path):
        problems.add(f"no such file: {folder / (path or text)}", at, mend="paths are relative to the spec")
        return None
    return folder / path
