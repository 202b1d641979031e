"""What options of several commands share."""

from __future__ import annotations

import math

import click


def a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse NaN, which click takes to be in any range, and infinity, which no option means."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number.", context, option)
    return value
