"""Scores, volumes and names as people read them."""

from __future__ import annotations

import math
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

UNDEFINED = "–"

_POWERS = {1: "", 2: "²", 3: "³"}
# The next larger unit, and how many of the smaller one it holds along an edge.
_LARGER = {"nm": ("um", 1000), "um": ("mm", 1000), "mm": ("cm", 10)}


def score_text(score: float) -> str:
    """Write a score with three decimals; a dash where it is undefined."""
    return UNDEFINED if math.isnan(score) else f"{score:.3f}"


def size_unit(unit: str, dimensions: int, largest: float) -> tuple[float, str]:
    """Choose the unit in which areas or volumes are read easily.

    Parameters
    ----------
    unit : str
        Unit of length of the grid; "pixel" counts voxels (in 2D: pixels).
    dimensions : int
        2 for areas, 3 for volumes.
    largest : float
        The largest size to be shown, in `unit` to the power of `dimensions`.

    Returns
    -------
    tuple of float and str
        How many of `unit` squared or cubed the chosen one holds, and its name.

    Examples
    --------
    >>> size_unit("mm", 3, 25_000.0)
    (1000.0, 'cm³')
    """
    if unit == "pixel":
        return _count_unit("voxels" if dimensions == 3 else "pixels", largest)
    factor = 1.0
    while unit in _LARGER:
        larger, edge = _LARGER[unit]
        if not largest >= factor * edge**dimensions:
            break
        factor *= edge**dimensions
        unit = larger
    return float(factor), unit_name(unit, dimensions)


def unit_name(unit: str, power: int) -> str:
    """Write a unit of length, area or volume; pixels and voxels are counted.

    Examples
    --------
    >>> unit_name("um", 2), unit_name("pixel", 1), unit_name("pixel", 3)
    ('µm²', 'pixels', 'voxels')
    """
    if unit == "pixel":
        return "voxels" if power == 3 else "pixels"
    return f"{unit.replace('um', 'µm')}{_POWERS[power]}"


def _count_unit(name: str, largest: float) -> tuple[float, str]:
    """Count in thousands or millions where numbers would get long."""
    if largest >= 1e7:
        return 1e6, f"million {name}"
    return (1e3, f"1000 {name}") if largest >= 1e4 else (1.0, name)


def size_text(size: float) -> str:
    """Write an area or volume with about three digits that count.

    Examples
    --------
    >>> size_text(12.345), size_text(1234.5), size_text(0.01234)
    ('12.3', '1,234', '0.0123')
    """
    if math.isnan(size):
        return UNDEFINED
    if size == 0:
        return "0"
    decimals = min(max(2 - math.floor(math.log10(abs(size))), 0), 6)
    return f"{size:,.{decimals}f}"


def without_common_words(names: Iterable[str]) -> dict[str, str]:
    """Leave out the words that all names begin with: a plot has little room.

    Examples
    --------
    >>> without_common_words(["specimen 11 EA", "specimen 11 MG"])
    {'specimen 11 EA': 'EA', 'specimen 11 MG': 'MG'}
    """
    words = {name: name.split() for name in names}
    if len(words) < 2:
        return {name: name for name in words}
    columns = zip(*words.values(), strict=False)
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    # Of each name at least the last word stays.
    return {
        name: " ".join(own[min(alike, len(own) - 1) :]) or name
        for name, own in words.items()
    }
