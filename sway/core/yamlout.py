"""Plain data as YAML that sway reads back as the very same data."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def to_yaml(data: Any, *, indent: int = 0) -> str:
    r"""Block-style YAML, keys in their order, `indent` spaces before every line.

    Text is quoted unless it is a plain word, so that no reader takes it for a number, a date or a truth value.

    >>> print(to_yaml({"name": "a", "prompts": ["1e-3", "yes", "two\nlines"]}), end="")
    name: a
    prompts:
    - "1e-3"
    - 'yes'
    - "two\nlines"
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """The safe dumper, with quoted texts and without aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if _WORD.fullmatch(value) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    made = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    return "".join(" " * indent + line for line in made.splitlines(keepends=True))
