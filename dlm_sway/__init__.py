"""The import name `dlm_sway`: the very same modules as `sway`, under another name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from sway import __version__

__all__ = ["__version__"]


class _Alias(MetaPathFinder, Loader):
    """Answers an import of `dlm_sway.x.y` with the module object `sway.x.y`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec that this loader fills, if `sway` has such a module."""
        package, _, rest = fullname.partition(".")
        real = find_spec(f"sway.{rest}") if package == __name__ and rest else None
        if real is None:
            return None
        return ModuleSpec(fullname, self, is_package=real.submodule_search_locations is not None)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module of the same name in `sway`."""
        module = import_module("sway" + spec.name.removeprefix(__name__))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing twice: only put back the module's own spec, in whose place the import system sets the alias's."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


sys.meta_path.insert(0, _Alias())
