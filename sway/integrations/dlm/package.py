"""Reads a document by the `dlm` package, whose format it is."""

from __future__ import annotations

from pathlib import Path

from sway.core.errors import SwayError
from sway.integrations.dlm import fences
from sway.integrations.dlm.document import Document, Part


def parse(text: str, path: Path) -> Document:
    """The document in `text`.

    Raises:
        SwayError: the package refuses it.
    """
    from dlm.doc.errors import DlmParseError
    from dlm.doc.parser import parse_text

    try:
        parsed = parse_text(text, path=path)
    except DlmParseError as fault:
        where = f"{path}:{fault.line}" if fault.line else str(path)
        raise SwayError(" ".join(fault.message.split()), where=where, mend="mend the document") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as fault:
        fences.parse(text, path)  # PyYAML raised what a malformed value happened to cause; this tells its line
        raise SwayError(f"is not a document: {fault}", where=str(path), mend="mend the document") from None
    matter = parsed.frontmatter
    parts = (Part(s.type.value, s.content, s.start_line, s.adapter, s.section_id) for s in parsed.sections)
    return Document(path, matter.dlm_id, matter.base_model, tuple(matter.training.adapters or ()), tuple(parts))


def registered_base(key: str) -> tuple[str, str] | None:
    """Hub id and revision of a base that the package knows by `key`."""
    from dlm.base_models.registry import BASE_MODELS

    known = BASE_MODELS.get(key)
    return (known.hf_id, known.revision) if known else None
