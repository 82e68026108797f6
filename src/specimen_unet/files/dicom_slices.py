"""What the headers of a DICOM series say: which slice lies where.

Slices are put in order by their positions along the direction that they are stacked
in, and their distance is that of the positions: ``SliceThickness`` is another thing,
and wrong wherever slices overlap or leave gaps. DICOM measures in millimetres (PS3.3
C.7.6.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.volumes import read_information

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array

_SERIES, _DESCRIPTION, _NUMBER = "0020|000e", "0008|103e", "0020|0013"
_POSITION, _DIRECTION = "0020|0032", "0020|0037"
_SPACINGS = ("0028|0030", "0018|1164", "0018|2010")
"""Between pixels: of the patient, at the detector, of what was scanned."""
_BETWEEN = "0018|0088"  # the centres of slices, in files of several frames
# Positions are written with few digits.
_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Slice:
    """The header of one file.

    Attributes
    ----------
    path : Path
        The file.
    series, description : str
        Its series' identifier, and what it was called at the scanner.
    size : tuple of int
        Pixels along X and Y, and frames.
    spacing : tuple of float
        Of the header, X first, mm.
    has_spacing, has_depth : bool
        Whether the header tells it along X and Y, and Z; otherwise it is 1.
    position, direction : tuple of float
        Of the first pixel, mm, and of its rows and columns; empty when not told.
    number : int
        In the order in which slices were taken.
    origin, matrix : tuple of float
        As SimpleITK has them.
    """

    path: Path
    series: str
    description: str
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool
    has_depth: bool
    position: tuple[float, ...]
    direction: tuple[float, ...]
    number: int
    origin: tuple[float, ...]
    matrix: tuple[float, ...]


def read_slice_header(path: Path) -> Slice:
    """Read the header of one DICOM file.

    Raises
    ------
    CaseReadError
        If SimpleITK cannot.
    """
    reader = read_information(path, "GDCMImageIO")
    number = _text(reader, _NUMBER)
    return Slice(
        path=path,
        series=_text(reader, _SERIES),
        description=_text(reader, _DESCRIPTION),
        size=tuple(reader.GetSize()),
        spacing=tuple(reader.GetSpacing()),
        has_spacing=any(_numbers(reader, tag, 2) for tag in _SPACINGS)
        or set(reader.GetSpacing()[:2]) != {1.0},
        has_depth=reader.HasMetaDataKey(_BETWEEN)
        or reader.GetSpacing()[2:] not in ((), (0.0,), (1.0,)),
        position=_numbers(reader, _POSITION, 3),
        direction=_numbers(reader, _DIRECTION, 6),
        number=int(number) if number.removeprefix("-").isdigit() else 0,
        origin=tuple(reader.GetOrigin()),
        matrix=tuple(reader.GetDirection()),
    )


def in_order(slices: Sequence[Slice]) -> tuple[list[Slice], Array]:
    """Put the slices of one series in order.

    Returns
    -------
    slices : list of Slice
        By their position, or their number when they have none.
    gaps : ndarray, shape (slices - 1,)
        Distance to the next one, mm; NaN when there are no positions.

    Raises
    ------
    CaseReadError
        If the slices differ in size or direction, or two lie at one place.
    """
    first = slices[0]
    for each in slices:
        _check_alike(first, each)
    if not all(each.position and each.direction for each in slices):
        ordered = sorted(slices, key=lambda each: (each.number, each.path.name))
        return ordered, np.full(len(slices) - 1, np.nan)
    normal = np.cross(first.direction[:3], first.direction[3:])
    places = np.array([float(np.dot(normal, each.position)) for each in slices])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    if gaps.size and gaps.min() <= 1e-4:
        twice = slices[int(order[int(gaps.argmin())])]
        raise CaseReadError(
            f"{twice.path} lies where another slice of its series does: the series "
            "holds several volumes (points in time, echoes). Export them as series of "
            "their own."
        )
    return [slices[int(place)] for place in order], gaps


def usual_gap(gaps: Array) -> float:
    """Return the distance of most slices, mm; of an even number the smaller one."""
    return float(np.sort(gaps)[(gaps.size - 1) // 2])


def uneven(gaps: Array) -> str:
    """Tell in words where slices are missing; "" when they are evenly apart."""
    if not gaps.size or np.isnan(gaps).any():
        return ""
    usual = usual_gap(gaps)
    odd = np.flatnonzero(np.abs(gaps - usual) > _TOLERANCE * usual)
    if not odd.size:
        return ""
    first = int(odd[0])
    return (
        f"slices are {usual:.4g} mm apart, but {odd.size} of {gaps.size} gaps differ, "
        f"such as {gaps[first]:.4g} mm between slice {first + 1} and {first + 2}"
    )


def _check_alike(first: Slice, other: Slice) -> None:
    """Refuse slices that do not stack up to a box."""
    same = (
        first.size == other.size
        and np.allclose(first.spacing[:2], other.spacing[:2], rtol=1e-3)
        and len(first.direction) == len(other.direction)
        and np.allclose(first.direction, other.direction, atol=1e-3)
    )
    if not same:
        raise CaseReadError(
            f"{other.path} differs from {first.path.name} of the same series in size, "
            f"spacing or direction ({other.size} and {first.size} pixels): move the "
            "slices that do not belong to the volume (a scout?) to another folder."
        )


def _text(reader: Any, tag: str) -> str:
    if not reader.HasMetaDataKey(tag):
        return ""
    text: str = reader.GetMetaData(tag)
    return text.encode("utf-8", "surrogateescape").decode("latin-1").strip(" \0")


def _numbers(reader: Any, tag: str, count: int) -> tuple[float, ...]:
    """Read numbers; empty if there are not as many, or other than numbers."""
    try:
        numbers = tuple(float(number) for number in _text(reader, tag).split("\\"))
    except ValueError:
        return ()
    is_whole = len(numbers) == count and bool(np.isfinite(numbers).all())
    return numbers if is_whole else ()
