"""Untrusted text, made safe to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str, limit: int = 2000) -> str:
    r"""The text without control, bidirectional or line-breaking characters, cut to `limit` characters.

    What a CI runner would take for a command (`::name::`, `##[name]`) is broken up.

    >>> ascii(printable("a\x1b[31m\u202eb"))
    "'a\\ufffd[31m\\ufffdb'"
    >>> printable("one\ntwo ::error::x")
    'one two : :error: :x'
    """
    kept = re.sub(r":(?=:)", ": ", _seen(text[:limit], _shown)).replace("##[", "## [")
    return kept + " [cut]" if len(text) > limit else kept


def visible(text: str, limit: int = 2000) -> str:
    r"""The text for a document: lines kept, control, bidirectional and non-characters shown as U+FFFD, cut to `limit`.

    >>> ascii(visible("a\x1b[31m\u202eb\r\nc"))
    "'a\\ufffd[31m\\ufffdb\\nc'"
    """
    head = text[: 2 * limit].replace("\r\n", "\n")  # twice, as line ends shrink
    kept = _seen(head[:limit], lambda c: c if c in "\n\t" else _shown(c))
    return kept + " [cut]" if len(text) > limit and len(head) > limit else kept


def _seen(text: str, shown: Callable[[str], str]) -> str:
    """The text, each character as `shown`; most texts are plain and need no look at each."""
    return text if text.isascii() and text.isprintable() else "".join(map(shown, text))


def _shown(character: str) -> str:
    if character in "\n\t":
        return " "
    hidden = unicodedata.category(character) in _HIDDEN or ord(character) & 0xFFFE == 0xFFFE
    return "\ufffd" if hidden else character
