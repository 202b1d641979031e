"""Backends: whatever answers requests about a base model and an adapter. Importing this imports no model library."""

from sway.backends.factory import build

__all__ = ["build"]
