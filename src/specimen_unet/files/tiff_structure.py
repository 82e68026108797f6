"""Whether a TIFF file is whole.

tifffile reads a truncated stack as a shorter one, even as a single image, and only
logs it. A segmentation of half a specimen is worse than an error.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from specimen_unet.domain.errors import CaseReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4}
_TYPE_SIZES |= {12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_DESCRIPTION = 270
# By how much a compression can make voxels smaller at the very most: zlib 1032 times,
# LZW 12-bit codes for up to 4096 bytes, PackBits 128 bytes in 2, JPEG a block in 1 bit.
_MOST_PACKED = {1: 1, 5: 2800, 7: 1600, 8: 1100, 32946: 1100, 32773: 64}
_MOST_PACKED_ELSE = 2**15


class _Format(NamedTuple):
    """How numbers are stored: ordinary TIFF has 32-bit offsets, BigTIFF 64-bit."""

    order: str
    entries: str
    entry: str
    offset: str

    def read(self, file: BinaryIO, code: str) -> tuple[int, ...]:
        """Read numbers at the present position; struct.error at the file's end."""
        size = struct.calcsize(self.order + code)
        return struct.unpack(self.order + code, file.read(size))


def check_whole(path: Path) -> None:
    """Follow the chain of a TIFF file's pages to its end.

    Parameters
    ----------
    path : Path
        Any TIFF or BigTIFF file.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, no TIFF, truncated, or runs in a circle.
    """
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            _check_pages(file, length, path)
    except struct.error:
        raise truncated(path) from None
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be read ({error.strerror}): choose an image file."
        ) from error


def check_voxels(tiff: tifffile.TiffFile, path: Path) -> None:
    """Check that the first image's voxels are in the file, as many as it claims.

    Raises
    ------
    CaseReadError
        If some are behind the end of the file, or nowhere.
    """
    series, length = tiff.series[0], tiff.filehandle.size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > length:
            raise truncated(path)
        return
    for page in series.pages:
        if page is None:
            raise truncated(path)
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=0) > length:
            raise truncated(path)
        keyframe: Any = page.keyframe
        ratio = _MOST_PACKED.get(int(keyframe.compression), _MOST_PACKED_ELSE)
        # Voxels of a few bits are unpacked to a byte each.
        bits = keyframe.nbytes * keyframe.bitspersample
        stored = bits // (8 * max(1, keyframe.dtype.itemsize))
        if stored > ratio * sum(page.databytecounts):
            raise truncated(path)


def truncated(path: Path) -> CaseReadError:
    """Make the error for a file that ends too early."""
    return CaseReadError(
        f"{path} is truncated: it ends before its last slice. Copy or export it again."
    )


def _check_pages(file: BinaryIO, length: int, path: Path) -> None:
    if length == 0:
        raise CaseReadError(f"{path} is empty (0 bytes): copy or export it again.")
    for page, description_end in _pages(file, path):
        if page >= length or description_end > length:
            raise truncated(path)


def _pages(file: BinaryIO, path: Path) -> Iterator[tuple[int, int]]:
    """Yield where each page's directory begins and where its description ends."""
    stored, page = _format(file, path)
    seen: set[int] = set()
    while page:
        if page in seen:
            raise CaseReadError(f"{path} is damaged: its pages run in a circle.")
        seen.add(page)
        yield page, 0
        file.seek(page)
        (entries,) = stored.read(file, stored.entries)
        for _ in range(entries):
            tag, kind, count, value = stored.read(file, stored.entry)
            if tag == _DESCRIPTION:
                size = count * _TYPE_SIZES.get(kind, 1)
                inline = size <= struct.calcsize(stored.offset)
                yield page, 0 if inline else value + size
        (page,) = stored.read(file, stored.offset)


def _format(file: BinaryIO, path: Path) -> tuple[_Format, int]:
    """Read the head of the file: how it is stored, and where its first page is."""
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        raise _foreign(path)
    (version,) = struct.unpack(order + "H", file.read(2))
    if version == 42:
        stored = _Format(order, "H", "HHII", "I")
    elif version == 43:
        stored = _Format(order, "Q", "HHQQ", "Q")
        file.seek(8)
    else:
        raise _foreign(path)
    (page,) = stored.read(file, stored.offset)
    return stored, page


def _foreign(path: Path) -> CaseReadError:
    return CaseReadError(
        f"{path} is no TIFF file, whatever its name says: open it in the program "
        "that made it and export it as TIFF."
    )
