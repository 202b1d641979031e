"""Makes a spec from a document: what its author would want asked of the adapter that was trained from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sway import __version__
from sway.core.errors import SwayError
from sway.core.text import printable
from sway.core.yamlout import to_yaml
from sway.integrations.dlm.material import Material
from sway.integrations.dlm.recipes import Suite, suite_for
from sway.integrations.dlm.resolver import DlmHandle


def build_spec_dict(handle: DlmHandle, *, dlm_source: str | None = None) -> dict[str, Any]:
    """A spec for the document's adapter, as plain data that `sway.suite.loader.spec_from_data` accepts.

    `dlm_source` is the document as the spec should name it. Paths are absolute otherwise.

    Raises:
        SwayError: nothing has been trained from the document.
    """
    return _spec(handle, _suite(handle), dlm_source)


def render(handle: DlmHandle, *, shown: str, dlm_source: str, adapter: str) -> str:
    """The spec as YAML with comments: where it comes from, what each probe asks, what was left out and why.

    `shown` is the document as the user named it; `dlm_source` and `adapter` are as the spec should name them.
    """
    suite = _suite(handle)
    spec = _spec(handle, suite, dlm_source)
    spec["models"]["ft"]["adapter"] = adapter
    entries = spec.pop("suite")
    known = _known()
    asked = [f"  # {known[entry['kind']].question}\n{to_yaml([entry], indent=2)}" for entry in entries]
    return "\n".join(["\n".join(_header(handle, suite, shown)), to_yaml(spec), "suite:", *asked])


def trained(handle: DlmHandle) -> Path:
    """The adapter's folder.

    Raises:
        SwayError: nothing has been trained from the document.
    """
    if handle.adapter_path is None:
        mend = f"train it first: dlm train {handle.path.name}"
        raise SwayError("nothing has been trained from this document", where=str(handle.path), mend=mend)
    return handle.adapter_path


def _known() -> Mapping[str, Any]:
    from sway.probes.registry import REGISTRY

    return REGISTRY


def _suite(handle: DlmHandle) -> Suite:
    return suite_for(Material(handle), _known())


def _spec(handle: DlmHandle, suite: Suite, dlm_source: str | None) -> dict[str, Any]:
    adapter = trained(handle)
    base = {"kind": "hf", "base": handle.base_model, **({"revision": handle.revision} if handle.revision else {})}
    return {
        "version": 1,
        "models": {"base": base, "ft": {**base, "adapter": str(adapter)}},
        "defaults": {"seed": 0},
        **({"dlm_source": dlm_source} if dlm_source else {}),
        "suite": list(suite.entries),
    }


def _header(handle: DlmHandle, suite: Suite, shown: str) -> list[str]:
    """Provenance and reasons, as comments."""
    content = hashlib.sha256(handle.path.read_bytes()).hexdigest()
    named = f" of {handle.adapter_name}" if handle.adapter_name else ""
    revision = f" at revision {handle.revision}" if handle.revision else ""
    told = [
        f"Made by sway {__version__} from {shown}, and yours to change.",
        f"document: {handle.dlm_id}, sha256 {content}",
        f"adapter:  version {trained(handle).name}{named}; after training again, make this file again",
        f"base:     {handle.base_model}{revision}",
        "",
        "To see what will be asked, without loading a model: sway run FILE --dry-run",
        "The gate needs every probe to pass that does not say `required: false`.",
        "",
        *(f"skipped: {kind}: {reason}" for kind, reason in suite.left_out.items()),
        *(f"skipped: {part} is not text" for part in handle.left_out),
    ]
    return [f"# {printable(line)}".rstrip() for line in told] + [""]
