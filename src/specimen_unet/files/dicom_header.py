"""Whether a DICOM file is whole.

GDCM, which SimpleITK reads DICOM with, makes room for whatever length a damaged
element claims. So the elements are followed here first, from one to the next without
their values (PS3.5, chapter 7), and the pixels that are there are compared with those
that are claimed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.volume_header import damaged, foreign, opened, truncated

if TYPE_CHECKING:
    from pathlib import Path

_PREAMBLE, _MAGIC = 128, b"DICM"
_SHORT_KINDS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN"),
    *("SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
)
_LONG_KINDS = (
    *("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"),
)
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SYNTAX = 0x00020010
_IMPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_DEFLATED, _RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
_PIXELS = (0x7FE00010, 0x7FE00008, 0x7FE00009)
_SAMPLES, _FRAMES, _BITS = 0x00280002, 0x00280008, 0x00280100
_ROWS, _COLUMNS, _COLOURS = 0x00280010, 0x00280011, 0x00280004
_WANTED = (_SYNTAX, _SAMPLES, _FRAMES, _ROWS, _COLUMNS, _BITS, _COLOURS)
_DEEPEST = 12
# How much smaller than its pixels a picture can be: 128 bytes of RLE are in 2, of JPEG
# 64 pixels in a bit; JPEG 2000 leaves out what is empty.
_MOST_PACKED_RLE, _MOST_PACKED = 64, 4000


@dataclass(slots=True)
class _Walk:
    """One pass through a file.

    Attributes
    ----------
    values : dict
        Tag -> value as stored, of the few that matter.
    pixels : int
        Bytes of pixels, -1 while none were seen.
    """

    file: BinaryIO
    path: Path
    length: int
    order: str = "<"
    is_explicit: bool = True
    values: dict[int, bytes] = field(default_factory=dict)
    pixels: int = -1
    is_packed: bool = False

    def numbers(self, code: str) -> tuple[int, ...]:
        """Read numbers at the present position."""
        size = struct.calcsize("<" + code)
        return struct.unpack(self.order + code, self.file.read(size))

    def tag(self) -> int:
        """Read the tag of the next element."""
        group, element = self.numbers("HH")
        return group << 16 | element

    def is_within(self, end: int) -> bool:
        """Whether something comes before `end`."""
        return self.file.tell() < end


def is_dicom(path: Path) -> bool:
    """Tell by the mark behind the preamble; a file that cannot be read is none."""
    try:
        with path.open("rb") as file:
            file.seek(_PREAMBLE)
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def check_dicom(path: Path) -> None:
    """Follow a DICOM file's elements to its end.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, damaged, no DICOM, or has no image.
    """
    with opened(path) as file:
        walk = _Walk(file, path, os.fstat(file.fileno()).st_size)
        file.seek(_PREAMBLE)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise foreign(path, "DICOM")
        try:
            while walk.is_within(walk.length) and _is_about_file(walk):
                _element(walk, walk.length, 0)
            _set_syntax(walk)
            while walk.is_within(walk.length):
                _element(walk, walk.length, 0)
        except struct.error:
            raise truncated(path) from None
        _check_pixels(walk)


def _is_about_file(walk: _Walk) -> bool:
    """Tell whether the next element is of the group that is always stored alike."""
    (group,) = walk.numbers("H")
    walk.file.seek(-2, os.SEEK_CUR)
    return group == 2


def _set_syntax(walk: _Walk) -> None:
    syntax = _syntax(walk)
    if syntax == _DEFLATED:
        raise CaseReadError(
            f"{walk.path} is deflated as a whole, which is not read: export it again "
            "without compression."
        )
    walk.is_explicit = syntax != _IMPLICIT
    walk.order = ">" if syntax == _BIG_ENDIAN else "<"


def _syntax(walk: _Walk) -> str:
    return walk.values.get(_SYNTAX, b"").decode("ascii", "replace").strip(" \0")


def _element(walk: _Walk, end: int, depth: int) -> None:
    """Step over one element, and into sequences."""
    tag = walk.tag()
    kind, length = _kind_and_length(walk, tag)
    start = walk.file.tell()
    if length != _UNDEFINED and start + length > end:
        raise truncated(walk.path)
    if depth == 0 and tag in _PIXELS:
        walk.is_packed = length == _UNDEFINED
        walk.pixels = _fragments(walk, end) if walk.is_packed else length
    elif length == _UNDEFINED or kind == "SQ":
        inner = end if length == _UNDEFINED else start + length
        _sequence(walk, inner, depth + 1, is_implicit=kind == "UN")
    elif depth == 0 and tag in _WANTED:
        if tag in walk.values:
            raise damaged(walk.path, f"its element {tag:08x} is there twice")
        walk.values[tag] = walk.file.read(length)
    if length != _UNDEFINED:
        walk.file.seek(start + length)


def _kind_and_length(walk: _Walk, tag: int) -> tuple[str, int]:
    if not walk.is_explicit or tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
        return "", walk.numbers("I")[0]
    kind = walk.file.read(2).decode("latin-1")
    if kind in _SHORT_KINDS:
        return kind, walk.numbers("H")[0]
    if kind in _LONG_KINDS:
        return kind, walk.numbers("HI")[1]
    raise damaged(walk.path, f"its element {tag:08x} is of the kind {kind!r}")


def _sequence(walk: _Walk, end: int, depth: int, *, is_implicit: bool) -> None:
    """Step over the items of a sequence, up to its mark or `end`."""
    if depth > _DEEPEST:
        raise damaged(walk.path, "its sequences have no end")
    was_explicit = walk.is_explicit
    walk.is_explicit = was_explicit and not is_implicit
    while walk.is_within(end):
        tag = walk.tag()
        (length,) = walk.numbers("I")
        if tag == _SEQUENCE_END:
            break
        if tag != _ITEM:
            raise damaged(walk.path, f"a sequence holds the element {tag:08x}")
        _item(walk, end, length, depth)
    walk.is_explicit = was_explicit


def _item(walk: _Walk, end: int, length: int, depth: int) -> None:
    """Step over the elements of an item, up to its mark or its length."""
    start = walk.file.tell()
    if length != _UNDEFINED:
        if start + length > end:
            raise truncated(walk.path)
        end = start + length
    while walk.is_within(end):
        if walk.tag() == _ITEM_END:
            walk.numbers("I")
            return
        walk.file.seek(-4, os.SEEK_CUR)
        _element(walk, end, depth)


def _fragments(walk: _Walk, end: int) -> int:
    """Step over pieces of compressed pixels; return how many bytes they have."""
    total = 0
    while walk.is_within(end):
        tag = walk.tag()
        (length,) = walk.numbers("I")
        if tag == _SEQUENCE_END:
            return total
        if tag != _ITEM or walk.file.tell() + length > end:
            raise truncated(walk.path)
        total += length
        walk.file.seek(length, os.SEEK_CUR)
    raise truncated(walk.path)


def _check_pixels(walk: _Walk) -> None:
    """Compare the pixels that are there with those that are claimed."""
    if walk.pixels < 0 or not {_ROWS, _COLUMNS, _BITS} <= walk.values.keys():
        raise CaseReadError(
            f"{walk.path} is DICOM without an image (a report, a plan, an index, or "
            "truncated): choose the files of images."
        )
    samples, rows, columns, bits = (
        _number(walk, tag) for tag in (_SAMPLES, _ROWS, _COLUMNS, _BITS)
    )
    frames = walk.values.get(_FRAMES, b"1").decode("latin-1").strip(" \0") or "1"
    if not frames.isdecimal() or not all((samples, rows, columns, bits, int(frames))):
        raise damaged(
            walk.path,
            f"it claims {frames} frames of {rows} x {columns} pixels of {samples} "
            f"numbers of {bits} bits",
        )
    claimed = rows * columns * samples * int(frames) * bits // 8
    if walk.is_packed:
        ratio: float = _MOST_PACKED_RLE if _syntax(walk) == _RLE else _MOST_PACKED
    else:  # colours of 4:2:2 are stored for every second pixel
        ratio = 1.5 if b"422" in walk.values.get(_COLOURS, b"") else 1
    if claimed > walk.pixels * ratio:
        raise truncated(walk.path)


def _number(walk: _Walk, tag: int) -> int:
    value = walk.values.get(tag, b"\1\0" if walk.order == "<" else b"\0\1")
    if len(value) != 2:
        raise damaged(walk.path, f"its element {tag:08x} has {len(value)} bytes")
    (number,) = struct.unpack(walk.order + "H", value)
    return int(number)
