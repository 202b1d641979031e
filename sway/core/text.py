"""Untrusted text, made safe to show."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str, limit: int = 2000) -> str:
    r"""The text without control, bidirectional or line-breaking characters, cut to `limit` characters.

    What a CI runner would take for a command (`::name::`, `##[name]`) is broken up.

    >>> ascii(printable("a\x1b[31m\u202eb"))
    "'a\\ufffd[31m\\ufffdb'"
    >>> printable("one\ntwo ::error::x")
    'one two : :error: :x'
    """
    kept = re.sub(r":(?=:)", ": ", "".join(_shown(c) for c in text[:limit])).replace("##[", "## [")
    return kept + " [cut]" if len(text) > limit else kept


def _shown(character: str) -> str:
    if character in "\n\t":
        return " "
    return "\ufffd" if unicodedata.category(character) in _HIDDEN else character
