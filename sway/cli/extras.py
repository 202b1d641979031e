"""What each optional extra needs, and which of it is installed, without importing any of it."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass

EXTRAS: dict[str, dict[str, str]] = {
    "hf": {"torch": "2.4", "transformers": "4.46", "peft": "0.20", "safetensors": "0.4.3"},
    "semsim": {"sentence-transformers": "3", "scikit-learn": "1.4"},
    "style": {"spacy": "3.7", "textstat": "0.7.4", "nlpaug": "1.1.11"},
    "mlx": {"mlx": "0.20", "mlx-lm": "0.20"},
    "dlm": {"document-language-model": "0.10"},
    "viz": {"matplotlib": "3.8"},
    "serve": {"fastapi": "0.110", "uvicorn": "0.29", "httpx": "0.27"},
    "pytest": {"pytest": "8", "filelock": "3.12"},
    "api": {"httpx": "0.27", "tenacity": "8.3"},
    "watch": {"watchfiles": "0.22"},
    "github": {"pygithub": "2.10"},
}
"""Extra: distribution and least version, as pyproject.toml has them."""


@dataclass(frozen=True)
class Installed:
    """One distribution: the version found (None if it is missing) and the least that will do."""

    name: str
    version: str | None
    least: str

    @property
    def usable(self) -> bool:
        """Whether it is there and recent enough."""
        return self.version is not None and numbers(self.version) >= numbers(self.least)


@dataclass(frozen=True)
class Extra:
    """One extra of the package and the distributions it brings."""

    name: str
    parts: tuple[Installed, ...]

    @property
    def complete(self) -> bool:
        """Whether everything in it can be used."""
        return all(part.usable for part in self.parts)

    @property
    def available_here(self) -> bool:
        """Whether it exists for this platform."""
        return self.name != "mlx" or (sys.platform == "darwin" and platform.machine() == "arm64")

    @property
    def command(self) -> str:
        """What installs it, in a checkout of sway."""
        return f'pip install ".[{self.name}]"'


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, for comparison.

    >>> numbers("2.13.0+cpu") >= numbers("2.4")
    True
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def survey() -> list[Extra]:
    """Every extra, with what is installed of it."""
    return [Extra(name, tuple(_installed(d, v) for d, v in parts.items())) for name, parts in EXTRAS.items()]


def _installed(name: str, least: str) -> Installed:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Installed(name, version(name), least)
    except PackageNotFoundError:
        return Installed(name, None, least)
