"""Base models from the Hugging Face hub: fetched at a commit, each file held against what the hub says it is."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sway.core.errors import BackendError, PreflightError, require

COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
# What a causal language model is loaded from; no pickle, and no code.
_WANTED = re.compile(r"[^/]+\.(json|safetensors|model|jinja|txt|tiktoken)|additional_chat_templates/[^/]+\.jinja")
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Fetched:
    """A model in the cache: the commit, and how much of it there is."""

    model: str
    commit: str
    files: int
    size: int


def fetch(model: str, revision: str | None, cache: Path, *, most_bytes: int) -> Fetched:
    """Bring a model into `cache`, laid out as the hub's own library does; what is there already is not fetched again.

    Raises:
        BackendError: there is no such model or commit, it is too large, or the cache holds something else than the hub.
        PreflightError: the hub cannot be reached.
    """
    require("hf", "huggingface_hub")
    if not _REPOSITORY.fullmatch(model):
        raise BackendError("is no model id of the hub", where=model[:200], mend="write organisation/name")
    check_links(cache)
    try:
        return _fetch(model, revision or "main", cache, most_bytes)
    except (BackendError, PreflightError):
        raise
    except Exception as fault:  # the library and those below it raise a dozen kinds
        raise _explained(model, fault) from fault


def check_links(cache: Path) -> None:
    """Raise `BackendError` if what is in the cache leads elsewhere, as nothing that the hub's library made does.

    That is a link out of it or to a folder, or a branch named like a commit, which a loader would follow in place of
    the commit.
    """
    root = cache.resolve()
    for folder, names, files in os.walk(cache):
        for path in (Path(folder, name) for name in (*names, *files)):
            if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(root)):
                raise _poisoned(path, "it is a link out of the cache, or to a folder")
            if path.parent.name == "refs" and COMMIT.fullmatch(path.name):
                raise _poisoned(path, "it is named like a commit and stands for another")


def _fetch(model: str, revision: str, cache: Path, most_bytes: int) -> Fetched:
    import huggingface_hub as hub

    info = hub.HfApi().model_info(model, revision=revision, files_metadata=True)
    wanted = [each for each in info.siblings or [] if _WANTED.fullmatch(each.rfilename)]
    size = sum(each.size or 0 for each in wanted)
    if size > most_bytes:
        raise BackendError(f"is {size:,} bytes, more than {most_bytes:,}", where=model, mend="raise --max-size-gb")
    names = [each.rfilename for each in wanted]
    if not names:
        raise BackendError("has no files that a model is loaded from", where=model, mend="check the model id")
    paths = [hub.hf_hub_download(model, name, revision=revision, cache_dir=cache) for name in names]
    folder = Path(paths[0]).parents[names[0].count("/")]
    if folder.name != info.sha:
        raise PreflightError("changed while it was fetched", where=model, mend="run it again")
    _check_files(folder, info.siblings or ())
    return Fetched(model, str(info.sha), len(wanted), size)


def _check_files(folder: Path, listed: Iterable[Any]) -> None:
    """Every file has the content that the hub told, whoever wrote it into the cache, and whether it is wanted or not.

    A cache that serves other tools too may hold more of the commit than is wanted here, such as its README.md.
    """
    told = {each.rfilename: each for each in listed}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in told:
            raise _poisoned(path, f"{name} is none of the model's files")
        lfs = told[name].lfs
        expected = lfs.sha256 if lfs else told[name].blob_id
        if _digest(path, sha256=bool(lfs)) != expected:
            blob = path.resolve()  # one of the right name would only be linked to again
            raise _poisoned(blob if blob.name == expected else path, f"{name} is not what the hub has")


def _digest(path: Path, *, sha256: bool) -> str:
    """SHA-256 of a large file, git's own name of a small one."""
    digest = hashlib.sha256() if sha256 else hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _poisoned(path: Path, what: str) -> BackendError:
    mend = "remove this one file or link and fetch again"
    return BackendError(f"the model cache cannot be trusted: {what}", where=str(path), mend=mend)


def _explained(model: str, fault: Exception) -> BackendError | PreflightError:
    status = getattr(getattr(fault, "response", None), "status_code", None)
    first = next(iter(str(fault).strip().splitlines()), "")[:200]
    if status in (401, 403, 404):
        mend = "check its name and revision; a gated model needs a token in HF_TOKEN"
        return BackendError(f"the hub does not give it: {type(fault).__name__}", where=model, mend=mend)
    return PreflightError(f"cannot be fetched: {type(fault).__name__}: {first}", where=model, mend="try again")
