"""The Jinja2 templates that sway ships, from a wheel or from a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Where the templates are: inside the package when it is installed, beside it in a checkout."""
    shipped = _PACKAGE / "templates"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "templates"


@cache
def environment() -> Environment:
    """The one environment: HTML and XML are escaped, an undefined name is an error, blocks leave no blank lines."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(folder()),
        autoescape=select_autoescape(["html", "html.j2", "xml", "xml.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
