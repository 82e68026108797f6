"""What the headers of volumes have in common: a unit, and the bytes that must follow.

SimpleITK tells nothing of the unit, fills what is missing of a truncated volume with
whatever was in memory, and makes room for any size a damaged header names. So each
header is read here first, and SimpleITK sees only files that hold what they claim.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from specimen_unet.domain.errors import CaseReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 2**20
# Read beyond the last voxel, where archives keep their sums; an archive that goes on
# for longer is left unread.
_MOST_AFTER = 2**24
LONGEST_HEADER = 2**16
"""Bytes of a header that is text; more is no header."""


@dataclass(frozen=True, slots=True)
class VolumeHeader:
    """What is needed of a header beside the voxels.

    Attributes
    ----------
    units : tuple of str
        Of each spatial axis, as the file names them, X first; empty when it names
        none.
    convention : str
        Unit that the format's programs mean when none is named and the volume is
        placed somewhere; "" when there is no such convention.
    is_placed : bool
        Whether the header says that the volume lies in the coordinates of a scanner.
    """

    units: tuple[str, ...] = ()
    convention: str = ""
    is_placed: bool = False


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be missing, empty or damaged.

    Raises
    ------
    CaseReadError
        If it is, or what is read from it does.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise CaseReadError(
                    f"{path} is empty (0 bytes): copy or export it again."
                )
            file.seek(0)
            yield file
    except EOFError:
        raise truncated(path) from None
    except (gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise damaged(path, error) from error
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be read ({error.strerror or error}): choose an image file."
        ) from error


def unpacked(file: BinaryIO, packing: str) -> BinaryIO:
    """Read through "gzip", "bzip2", or nothing at all."""
    if packing == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    return cast("BinaryIO", bz2.BZ2File(file)) if packing == "bzip2" else file


def check_rest(stream: BinaryIO, needed: int, path: Path) -> None:
    """Check that enough bytes follow.

    The end of an archive is read too: its sum is there, and says when it is cut.
    """
    found, most = 0, needed + _MOST_AFTER
    while found < most and (chunk := stream.read(_CHUNK)):
        found += len(chunk)
    if found < needed:
        raise truncated(path)


def check_zlib(stream: BinaryIO, needed: int, path: Path) -> None:
    """Check that enough bytes follow in one zlib stream (no gzip)."""
    found, unpacker = 0, zlib.decompressobj()
    while not unpacker.eof and found < needed + _MOST_AFTER:
        packed = unpacker.unconsumed_tail or stream.read(_CHUNK)
        if not packed:
            raise truncated(path)
        found += len(unpacker.decompress(packed, _CHUNK))
    if found < needed:
        raise truncated(path)


def truncated(path: Path) -> CaseReadError:
    """Make the error for a file that ends too early."""
    return CaseReadError(
        f"{path} is truncated: it ends before its last voxel. Copy or export it again."
    )


def damaged(path: Path, fault: object) -> CaseReadError:
    """Make the error for a header that contradicts itself."""
    return CaseReadError(f"{path} is damaged ({fault}): copy or export it again.")


def foreign(path: Path, kind: str) -> CaseReadError:
    """Make the error for a file that only bears a format's name."""
    return CaseReadError(
        f"{path} is no {kind} file, whatever its name says: open it in the program "
        f"that made it and export it as {kind}."
    )
