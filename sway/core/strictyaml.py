"""YAML that ends in a value or in a fault with its place, whatever is written."""

from __future__ import annotations

from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """Safe YAML whose every value is what its tag says, or a `yaml.YAMLError` with its place."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - PyYAML's constructors raise whatever a malformed value happens to cause
            what = "not a value of its tag's type"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark) from None
