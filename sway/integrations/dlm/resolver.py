"""From a `.dlm` document to what a suite needs: its base, its trained adapter, its sections."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sway.core.errors import SwayError
from sway.core.sections import Preference, Section, SectionKind
from sway.integrations.dlm.bodies import Asked, preferences, questions
from sway.integrations.dlm.document import PACKAGE, Document, Part, Reader, has_package, read_document
from sway.integrations.dlm.store import Store


@dataclass(frozen=True)
class DlmHandle:
    """A document, resolved. `adapter_path` is None where it has not been trained, and then `base_model` may be a key.

    `asked` are its questions in order, `left_out` what it holds that is no text, as `file:line: kind`.
    """

    dlm_id: str
    base_model: str
    adapter_path: Path | None
    sections: tuple[Section, ...]
    doc_text: str
    path: Path = field(default_factory=Path)
    revision: str | None = None
    adapter_name: str | None = None
    store: Store = field(default_factory=lambda: Store(Path()))
    asked: tuple[Asked, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def preferences(self) -> tuple[Preference, ...]:
        """Every preference of the document."""
        return tuple(p for s in self.sections for p in s.preferences)


def resolve_dlm(path: str | Path, adapter: str | None = None, *, reader: Reader | None = None) -> DlmHandle:
    """Read a document and find what was trained from it. `adapter` names one of those that it declares.

    Raises:
        SwayError: the document or its store cannot be read, or it declares several adapters and none is named.
    """
    path = Path(path).expanduser()
    document = read_document(path, reader)
    store = Store.of(document.dlm_id)
    name, folder = _adapter(document, store, adapter)
    base, revision = _base(document, store, folder)
    parts = document.routed_to(name)
    return DlmHandle(
        dlm_id=document.dlm_id,
        base_model=base,
        adapter_path=folder,
        sections=sections_of(document, name),
        doc_text="\n\n".join(p.content for p in parts if p.content.strip()),
        path=path,
        revision=revision,
        adapter_name=name,
        store=store,
        asked=tuple(asked for part in parts for asked in questions(document, part)),
        left_out=tuple(f"line {p.line}: {p.kind}" for p in parts if p.kind not in set(SectionKind)),
    )


def sections_of(document: Document, adapter: str | None = None) -> tuple[Section, ...]:
    """The sections of text that train an adapter (all of them where none is named), each id once.

    Raises:
        SwayError: an instruction or preference section is malformed; with its line.
    """
    once: dict[str, Part] = {}
    for part in document.routed_to(adapter):
        if part.kind in set(SectionKind):
            once.setdefault(part.id, part)
    return tuple(_section(document, part) for part in once.values())


def source_sections(path: Path, adapter: Path | None) -> tuple[Section, ...]:
    """The sections of the document of a spec's `dlm_source`, for the adapter folder that the spec judges.

    Raises:
        SwayError: the document cannot be read.
    """
    document = read_document(path)
    name = Store.of(document.dlm_id).adapter_of(adapter) if adapter else None
    return sections_of(document, name if name in document.adapters else None)


def _section(document: Document, part: Part) -> Section:
    return Section(
        kind=SectionKind(part.kind),
        content=part.content,
        id=part.id,
        tag=_heading(part.content) if part.kind == "prose" else None,
        probes=tuple(asked.qa for asked in questions(document, part)),
        preferences=preferences(document, part),
    )


def _heading(content: str) -> str | None:
    """The heading that prose starts with."""
    first = content.lstrip().partition("\n")[0]
    return first.lstrip("#").strip() or None if first.startswith("#") else None


def _adapter(document: Document, store: Store, named: str | None) -> tuple[str | None, Path | None]:
    """Which declared adapter (None for a document's only one) and its folder (None where it is not trained)."""
    if named is not None and named not in document.adapters:
        known = f"declared: {', '.join(document.adapters)}" if document.adapters else "it has a single, unnamed one"
        raise SwayError(f"the document declares no adapter {named!r}", where=str(document.path), mend=known)
    if not document.adapters:
        return None, store.current()
    names = [named] if named else list(document.adapters)
    trained = [(name, folder) for name in names if (folder := store.current(name))]
    if len(trained) > 1:
        mend = f"name one with --adapter: {', '.join(name for name, _ in trained)}"
        raise SwayError("the document has several trained adapters", where=str(document.path), mend=mend)
    return trained[0] if trained else (named, None)


def _base(document: Document, store: Store, adapter: Path | None) -> tuple[str, str | None]:
    """The base's hub id or folder, and its revision where it is known."""
    key = document.base_model.strip()
    if key.startswith("hf:"):
        return key.removeprefix("hf:"), store.trained_revision()
    known = _registered(key)
    if known:
        return known[0], store.trained_revision() or known[1]
    named = _base_of_adapter(adapter) if adapter else None
    if adapter and not named:
        mend = f"install the dlm tool, whose key it is: pip install {PACKAGE}"
        raise SwayError(f"nothing here knows the base {key!r}", where=str(document.path), mend=mend)
    return named or key, store.trained_revision() if named and not Path(named).is_dir() else None


def _registered(key: str) -> tuple[str, str] | None:
    """Hub id and revision of a base by its key, which the package alone knows."""
    if not has_package():
        return None
    from sway.integrations.dlm.package import registered_base

    return registered_base(key)


def _base_of_adapter(adapter: Path) -> str | None:
    """What the adapter itself says it was trained on."""
    from sway.backends.adapter_config import read_config

    return read_config(adapter)[0].base_model_name_or_path
