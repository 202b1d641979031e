"""The probes that a spec may name."""

from __future__ import annotations

from collections.abc import Mapping

from sway.core.probe import Probe

Registry = Mapping[str, Probe]


def standard() -> Registry:
    """The probes that come with sway, by kind. Loads all of them, which an unreadable spec should not cost."""
    from sway.probes.registry import REGISTRY

    return REGISTRY
