"""What of a chart GitHub can draw with Mermaid, whose grammar knows no exponents."""

from __future__ import annotations

from collections.abc import Sequence

from sway.report.charts import Curve
from sway.report.summary import Row

MOST_POINTS = 40
SMALLEST, LARGEST = 1e-6, 1e9
"""The greatest of a curve's values lies between these, or ten decimal places cannot tell them apart."""


def shown(row: Row) -> list[Curve]:
    """The curves that have room on a page, each as numbers and fixed words alone."""
    return [c for c in row.charts if isinstance(c, Curve) and len(c.points) <= MOST_POINTS]


def tellable(curve: Curve) -> bool:
    """Whether a drawing would tell the numbers; the table beside it does in any case."""
    return all(map(_within, zip(*curve.points, strict=True)))


def _within(values: Sequence[float]) -> bool:
    greatest = max(map(abs, values))
    return greatest == 0 or SMALLEST <= greatest < LARGEST


def decimal(value: float) -> str:
    """A number to six significant digits and ten decimal places, without an exponent.

    >>> decimal(6e-05), decimal(-1234567.0), decimal(2.0), decimal(-1e-12)
    ('0.00006', '-1234570', '2', '0')
    """
    text = f"{float(f'{value:.6g}'):.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
