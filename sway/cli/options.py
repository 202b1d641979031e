"""What options of several commands share."""

from __future__ import annotations

import math
import re
from typing import Any

import click

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30}


def a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse NaN, which click takes to be in any range, and infinity, which no option means."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number.", context, option)
    return value


class Size(click.ParamType):  # type: ignore[type-arg]  # not generic in every version of click
    """An amount of memory: `4GB`, `512MB`, `1.5GiB`, or bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?I?)B?", str(value).strip().upper())
        if found is None or found[2] not in _UNITS or not (size := int(float(found[1]) * _UNITS[found[2]])):
            self.fail(f"{value!r} is no amount of memory, such as 4GB or 512MB.", param, ctx)
        return size
