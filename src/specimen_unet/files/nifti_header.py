"""Whether a NIfTI file is whole, and whether its numbers are millimetres.

SimpleITK fills what is missing of a truncated volume with whatever was in memory,
without a word, and tells nothing of the unit.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, BinaryIO, cast

from specimen_unet.domain.errors import CaseReadError

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What is needed of a NIfTI header.

    Attributes
    ----------
    length : int
        Bytes the file must have, unpacked.
    has_unit : bool
        Whether spacing is a length: a unit is named, or the volume is placed in
        scanner or template coordinates, which are millimetres.
    """

    length: int
    has_unit: bool


def read_header(path: Path) -> NiftiHeader:
    """Read the header of a NIfTI file, and check that all its voxels are there.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file, NIfTI-1 or NIfTI-2.

    Returns
    -------
    NiftiHeader
        Of either version.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, damaged or no NIfTI.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
            if not start:
                raise CaseReadError(
                    f"{path} is empty (0 bytes): copy or export it again."
                )
            file.seek(0)
            is_packed = start == b"\x1f\x8b"
            stream = (
                cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_packed else file
            )
            header = _parsed(stream.read(540), path)
            if 540 + _bytes_left(stream) < header.length:
                raise _truncated(path)
            return header
    except EOFError:
        raise _truncated(path) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CaseReadError(
            f"{path} is damaged ({error}): copy or export it again."
        ) from error
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be read ({error.strerror}): choose an image file."
        ) from error


def _parsed(start: bytes, path: Path) -> NiftiHeader:
    """Find shape, type and unit at the places that either version has them."""
    try:
        for order in "<>":
            (size,) = struct.unpack_from(f"{order}i", start)
            if size == 348 and start[344:347] in (b"n+1", b"ni1"):
                return _version_1(start, order)
            if size == 540 and start[4:7] in (b"n+2", b"ni2"):
                return _version_2(start, order)
    except struct.error:
        raise _truncated(path) from None
    raise CaseReadError(
        f"{path} is no NIfTI file, whatever its name says: open it in the program "
        "that made it and export it as NIfTI."
    )


def _version_1(start: bytes, order: str) -> NiftiHeader:
    shape = struct.unpack_from(f"{order}8h", start, 40)
    (bits,) = struct.unpack_from(f"{order}h", start, 72)
    (offset,) = struct.unpack_from(f"{order}f", start, 108)
    codes = struct.unpack_from(f"{order}2h", start, 252)
    return _header(shape, bits, offset, start[123], codes)


def _version_2(start: bytes, order: str) -> NiftiHeader:
    shape = struct.unpack_from(f"{order}8q", start, 16)
    (bits,) = struct.unpack_from(f"{order}h", start, 14)
    (offset,) = struct.unpack_from(f"{order}q", start, 168)
    codes = struct.unpack_from(f"{order}2i", start, 344)
    (units,) = struct.unpack_from(f"{order}i", start, 500)
    return _header(shape, bits, offset, units, codes)


def _header(
    shape: tuple[int, ...], bits: int, offset: float, units: int, codes: tuple[int, ...]
) -> NiftiHeader:
    voxels = prod(shape[1 : 1 + max(0, min(shape[0], 7))])
    names_unit = units & 7 in (1, 2, 3)
    return NiftiHeader(int(offset) + voxels * bits // 8, names_unit or any(codes))


def _bytes_left(stream: BinaryIO) -> int:
    """Read to the end: gzip checks its sum there, and says when it is cut short."""
    return sum(map(len, iter(lambda: stream.read(_CHUNK), b"")))


def _truncated(path: Path) -> CaseReadError:
    return CaseReadError(
        f"{path} is truncated: it ends before its last voxel. Copy or export it again."
    )
