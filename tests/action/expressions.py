"""The part of GitHub's expressions that the actions use: names, text, comparison, and/or/not, status functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>\|\||&&|==|!=|!|\(|\))|(?P<name>[A-Za-z_][\w.-]*))")
WHOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(always|success|failure|cancelled)\(\)")


def filled(template: Any, context: Mapping[str, Any]) -> str:
    """A text with its expressions replaced by their values."""
    return WHOLE.sub(lambda found: shown(evaluate(found[1], context)), str(template))


def condition(text: str | None, context: Mapping[str, Any]) -> bool:
    """Whether a step runs; without a status function, only if all steps before it went well."""
    if text is None:
        return not context["failed"]
    inner = WHOLE.fullmatch(text.strip())
    expression = inner[1] if inner else text
    holds = bool(evaluate(expression, context))
    return holds and (bool(STATUS.search(expression)) or not context["failed"])


def shown(value: Any) -> str:
    return {None: "", True: "true", False: "false"}.get(value, value) if not isinstance(value, str) else value


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    tokens = []
    at = 0
    while expression[at:].strip():
        found = TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"not understood: {expression[at:]!r}")
        tokens.append(found)
        at = found.end()
    parser = _Parser(tokens, context)
    value = parser.either()
    if parser.tokens:
        raise ValueError(f"left over in {expression!r}")
    return value


class _Parser:
    def __init__(self, tokens: list[re.Match[str]], context: Mapping[str, Any]) -> None:
        self.tokens, self.context = tokens, context

    def take(self, *signs: str) -> str | None:
        if self.tokens and self.tokens[0]["sign"] in signs:
            return self.tokens.pop(0)["sign"]
        return None

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = value and other
        return value

    def compared(self) -> Any:
        value = self.single()
        while sign := self.take("==", "!="):
            other = self.single()
            value = (shown(value).lower() == shown(other).lower()) is (sign == "==")
        return value

    def single(self) -> Any:
        if self.take("!"):
            return not self.single()
        if self.take("("):
            value = self.either()
            assert self.take(")")
            return value
        token = self.tokens.pop(0)
        if token["text"]:
            return token["text"][1:-1].replace("''", "'")
        if self.take("("):
            assert self.take(")")
            return self.status(token["name"])
        return self.looked_up(token["name"])

    def status(self, name: str) -> bool:
        known: dict[str, Callable[[], bool]] = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: not self.context["failed"],
            "failure": lambda: self.context["failed"],
        }
        return known[name]()

    def looked_up(self, name: str) -> Any:
        value: Any = self.context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value
