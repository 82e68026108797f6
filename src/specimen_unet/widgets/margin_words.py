"""Margins as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from specimen_unet.domain.grid import Grid
from specimen_unet.widgets.quantities import size_text, unit_name

if TYPE_CHECKING:
    from specimen_unet.domain.margins import Margin

THRESHOLD = 2.0
"""A margin below it, in mm (or in pixels, where that is the unit), is close."""


def default_threshold(unit: str) -> float:
    """Return `THRESHOLD` in another unit of length.

    Examples
    --------
    >>> default_threshold("mm"), default_threshold("um"), default_threshold("pixel")
    (2.0, 2000.0, 2.0)
    """
    grid = Grid((THRESHOLD, THRESHOLD), "mm")
    return grid.in_unit(unit).spacing[0] if grid.can_be_in(unit) else THRESHOLD


def margin_sentences(margin: Margin, threshold: float) -> str:
    """Tell the narrowest margin, where it is, and how much surface is close.

    Parameters
    ----------
    margin : Margin
        What was measured.
    threshold : float
        In the unit of the margin's grid.
    """
    grid = margin.grid
    unit = unit_name(grid.unit, 1)
    place = ", ".join(
        f"{axis.lower()} {index}"
        for axis, index in zip(grid.axes, margin.where, strict=True)
    )
    close, whole = margin.area_under(threshold), margin.area
    of_what = unit_name(grid.unit, grid.dimensions - 1)
    return (
        f"The margin is {length_text(margin.least, grid)} {unit} at its narrowest: "
        f"{place}. {size_text(close)} {of_what} of {size_text(whole)} {of_what} "
        f"({_share(close, whole)}) lie closer than {threshold:g} {unit}."
    )


def length_text(length: float, grid: Grid) -> str:
    """Write a length with as many decimals as half a voxel allows.

    Examples
    --------
    >>> from specimen_unet.domain.grid import Grid
    >>> length_text(1.8070, Grid((0.5, 0.15, 0.15), "mm"))
    '1.8'
    """
    half = max(grid.spacing) / 2
    return f"{length:,.{min(max(-math.floor(math.log10(half)), 0), 6)}f}"


def _share(part: float, whole: float) -> str:
    """Write a share in percent; what is not nothing is not told as 0 %."""
    percent = 100 * part / whole
    return "under 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"
