"""How untrusted text gets into documents. Markdown knows two ways: a fence and a table cell."""

from __future__ import annotations

import re

from sway.core.text import printable

CELL, FENCE = 300, 4000
_MARKUP = re.compile(r"(?!(?<=\d)\.(?=\d))[^\w ,;()%=?/+-]|_")
"""All but letters, digits, the points of numbers, and what means nothing in Markdown amid a line."""
_UNSEEN = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]")


class Encoded(str):
    """Text that may stand in a document as it is."""

    __slots__ = ()


def cell(text: object, limit: int = CELL) -> Encoded:
    """Text in one line of Markdown, as code, in which nothing is markup, a mention or a link.

    >>> cell("a|b@c")
    '<code>a&#124;b&#64;<wbr>c</code>'
    """
    shown = printable(str(text), limit)
    kept = re.sub(_MARKUP, lambda found: f"&#{ord(found[0])};", shown)
    # A tag amid an address keeps it from becoming a link: that search sees the text with its entities resolved.
    return Encoded(f"<code>{kept.replace('&#64;', '&#64;<wbr>')}</code>" if kept.strip() else "")


def fence(text: str, limit: int = FENCE) -> Encoded:
    r"""Text as a code block of Markdown, whose fence is longer than any run of backticks inside.

    >>> fence("a\n```\nb")
    '````text\na\n```\nb\n````'
    """
    cut = text[:limit] + (" [cut]" if len(text) > limit else "")
    kept = "\n".join(printable(line, limit + 8) for line in cut.replace("\r\n", "\n").split("\n"))
    longest = max(map(len, re.findall("`+", kept)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Encoded(f"{ticks}text\n{kept}\n{ticks}")


def quiet_json(text: str) -> str:
    r"""JSON that says the same, in which a terminal finds nothing to obey and a CI runner no command.

    >>> quiet_json('"::error::"')
    '":\\u003aerror:\\u003a"'
    """
    shown = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return shown.replace("::", r":\u003a").replace("##[", r"#\u0023[")


def quiet_markup(text: str) -> str:
    """HTML or XML that says the same and in which a CI runner that logs it finds no command.

    >>> quiet_markup("::error::")
    ':&#58;error:&#58;'
    """
    return text.replace("::", ":&#58;").replace("##[", "#&#35;[")
