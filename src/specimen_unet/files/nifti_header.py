"""Whether a NIfTI file is whole, and whether its numbers are millimetres."""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING

from specimen_unet.files.volume_header import (
    VolumeHeader,
    check_rest,
    damaged,
    foreign,
    opened,
    truncated,
    unpacked,
)

if TYPE_CHECKING:
    from pathlib import Path

# Bytes of a voxel by its code in the header; the header repeats them in bits, which
# SimpleITK does not look at.
_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4}
_BYTES |= {1024: 8, 1280: 8, 1536: 16, 1792: 16, 2048: 32, 2304: 4}
_LONGEST = 540


def read_nifti_header(path: Path) -> VolumeHeader:
    """Read the header of a NIfTI file, and check that all its voxels are there.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file, NIfTI-1 or NIfTI-2.

    Returns
    -------
    VolumeHeader
        In millimetres (SimpleITK converts to them) when a unit is named, or the
        volume is placed in scanner or template coordinates.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, damaged or no NIfTI.
    """
    with opened(path) as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = unpacked(file, "gzip" if is_packed else "")
        header, length = _parsed(stream.read(_LONGEST), path)
        check_rest(stream, length - _LONGEST, path)
        return header


def _parsed(start: bytes, path: Path) -> tuple[VolumeHeader, int]:
    """Find shape, type and unit at the places that either version has them."""
    try:
        for order in "<>":
            (size,) = struct.unpack_from(f"{order}i", start)
            if size == 348 and start[344:347] in (b"n+1", b"ni1"):
                return _version_1(start, order, path)
            if size == 540 and start[4:7] in (b"n+2", b"ni2"):
                return _version_2(start, order, path)
    except struct.error:
        raise truncated(path) from None
    raise foreign(path, "NIfTI")


def _version_1(start: bytes, order: str, path: Path) -> tuple[VolumeHeader, int]:
    shape = struct.unpack_from(f"{order}8h", start, 40)
    (kind,) = struct.unpack_from(f"{order}h", start, 70)
    (offset,) = struct.unpack_from(f"{order}f", start, 108)
    codes = struct.unpack_from(f"{order}2h", start, 252)
    length = _length(shape, kind, offset, path)
    return _header(start[123], codes), length


def _version_2(start: bytes, order: str, path: Path) -> tuple[VolumeHeader, int]:
    shape = struct.unpack_from(f"{order}8q", start, 16)
    (kind,) = struct.unpack_from(f"{order}h", start, 12)
    (offset,) = struct.unpack_from(f"{order}q", start, 168)
    codes = struct.unpack_from(f"{order}2i", start, 344)
    (units,) = struct.unpack_from(f"{order}i", start, 500)
    length = _length(shape, kind, offset, path)
    return _header(units, codes), length


def _length(shape: tuple[int, ...], kind: int, offset: float, path: Path) -> int:
    """Count the bytes the file must have, unpacked."""
    axes, sizes = shape[0], shape[1 : 1 + max(0, shape[0])]
    if not 1 <= axes <= 7 or min(sizes) < 1:
        raise damaged(path, f"it claims {axes} axes {sizes}")
    if kind not in _BYTES:
        raise damaged(path, f"its voxels are of the unknown kind {kind}")
    if not 0 <= offset < 2**31:
        raise damaged(path, f"it claims that voxels begin at byte {offset:g}")
    return int(offset) + prod(sizes) * _BYTES[kind]


def _header(units: int, codes: tuple[int, ...]) -> VolumeHeader:
    names_unit = units & 7 in (1, 2, 3)
    return VolumeHeader(("mm",) * 3 if names_unit or any(codes) else ())
