"""Spacing, unit and axis names of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import GridMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

AXES = ("Z", "Y", "X")

_UNITS = {
    "pixel": ("", "px", "pixel", "pixels", "voxel", "voxels", "none", "dimensionless"),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    "um": (
        *("um", "µm", "μm", "micron", "microns"),
        *("micrometer", "micrometers", "micrometre", "micrometres"),
    ),
    "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "inch": ("inch", "in", "inches"),
}
_METRES = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "inch": 0.0254}
LENGTHS = tuple(_METRES)
"""Units of length that grids can be told in."""
_UNIT_OF_NAME = {name: unit for unit, names in _UNITS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of an image lie.

    Attributes
    ----------
    spacing : tuple of float
        Distance between voxel centres along each spatial axis, ``(Y, X)`` or
        ``(Z, Y, X)``, in `unit`.
    unit : str
        ``"mm"``, ``"um"``, ... or ``"pixel"`` when nobody said what a voxel
        measures. Long and plural names are shortened.

    Raises
    ------
    GridMismatchError
        If there are not two or three axes, or a spacing is not positive.
    """

    spacing: tuple[float, ...]
    unit: str = "pixel"

    def __post_init__(self) -> None:
        spacing = tuple(float(step) for step in self.spacing)
        if len(spacing) not in (2, 3):
            raise GridMismatchError(
                f"The spacing {spacing} has {len(spacing)} numbers, but an image has "
                "2 or 3 spatial axes: give one number an axis, (Y, X) or (Z, Y, X)."
            )
        if not all(math.isfinite(step) and step > 0 for step in spacing):
            raise GridMismatchError(
                f"The spacing {spacing} must be positive along every axis: "
                "correct the scale of the layer, or the header of the file."
            )
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "unit", short_unit(self.unit))

    @classmethod
    def of_axes(cls, spacing: Sequence[float], units: Sequence[str]) -> Grid:
        """Make a grid of axes that each have a unit; the unit of the last one is kept.

        Raises
        ------
        GridMismatchError
            If the units differ and are not all lengths (pixels, seconds, ...).
        """
        names = [short_unit(unit) for unit in units]
        lengths = [
            Grid((step, step), unit).in_unit(names[-1]).spacing[0]
            for step, unit in zip(spacing, names, strict=True)
        ]
        return cls(tuple(lengths), names[-1])

    def in_unit(self, unit: str) -> Grid:
        """Tell the same spacing in another unit of length.

        Raises
        ------
        GridMismatchError
            If either unit is not a length.
        """
        unit = short_unit(unit)
        if unit == self.unit:
            return self
        if not self.can_be_in(unit):
            raise GridMismatchError(
                f"A spacing in {self.unit!r} cannot be told in {unit!r}: give every "
                f"axis a unit of length ({', '.join(_METRES)}), or none at all."
            )
        metres = _METRES[self.unit]
        return Grid(tuple(step * metres / _METRES[unit] for step in self.spacing), unit)

    def can_be_in(self, unit: str) -> bool:
        """Whether `in_unit` knows the spacing in this unit."""
        unit = short_unit(unit)
        return unit == self.unit or {unit, self.unit} <= _METRES.keys()

    @property
    def dimensions(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.spacing)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the spatial axes, ``("Y", "X")`` or ``("Z", "Y", "X")``."""
        return AXES[-self.dimensions :]

    @property
    def voxel_size(self) -> float:
        """Volume of a voxel (area of a pixel), in `unit` cubed (squared)."""
        return math.prod(self.spacing)

    def same_spacing(self, other: Grid) -> bool:
        """Whether the other grid has this unit and this spacing within 0.1 %."""
        return self.unit == other.unit and all(
            math.isclose(a, b, rel_tol=1e-3)
            for a, b in zip(self.spacing, other.spacing, strict=False)
        )


def short_unit(name: str) -> str:
    """Return the short name of a unit of length; unknown names stay as they are."""
    return _UNIT_OF_NAME.get(str(name).strip().lower(), str(name).strip())
