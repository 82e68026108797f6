"""Whether a MetaImage file (MHA, MHD) is whole, and what it says of its unit.

The header is text, "Key = value"; its last line says where the voxels are: behind it
(``LOCAL``) or in a file beside it. ``DistanceUnits`` (MetaIO's metaObject) names the
unit, but ITK neither writes nor tells it. Format:
https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, BinaryIO

from specimen_unet.files.text_header import TextHeader
from specimen_unet.files.volume_header import (
    LONGEST_HEADER,
    VolumeHeader,
    check_rest,
    check_zlib,
    damaged,
    foreign,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4}
_BYTES |= {"LONG": 4, "ULONG": 4, "LONG_LONG": 8, "ULONG_LONG": 8}
_BYTES |= {"FLOAT": 4, "DOUBLE": 8}
_UNITS = ("um", "mm", "cm")
_MOST_AXES = 4
_MOST_CHANNELS = 64
# Each has one number an axis, or one for every pair of axes; MetaIO does not count.
_PER_AXIS = ("DimSize", "ElementSpacing", "ElementSize", "Offset", "Position", "Origin")
_PER_PAIR = ("TransformMatrix", "Rotation", "Orientation")


def read_meta_header(path: Path) -> VolumeHeader:
    """Read the header of a MetaImage, and check that all its voxels are there.

    Parameters
    ----------
    path : Path
        An ``.mha`` file, or ``.mhd`` with its file of voxels beside it.

    Returns
    -------
    VolumeHeader
        With the unit that the file names; the convention is "mm", as ITK's programs
        mean it.

    Raises
    ------
    CaseReadError
        If the file (or that of its voxels) is missing, empty, truncated, damaged or
        no MetaImage.
    """
    fields = _HEADER.read(path)
    unit = fields.get("DistanceUnits", "")
    if unit == "?":
        return VolumeHeader()
    axes = int(fields["NDims"])
    return VolumeHeader((unit,) * axes if unit in _UNITS else (), "mm")


def _fields(file: BinaryIO, path: Path) -> dict[str, str]:
    """Read "Key = value" up to the line that says where the voxels are."""
    fields: dict[str, str] = {}
    while "ElementDataFile" not in fields:
        line = file.readline(LONGEST_HEADER)
        name, sign, value = line.decode("utf-8", "replace").partition("=")
        if not sign or file.tell() > LONGEST_HEADER:
            raise (
                damaged(path, "its header does not end")
                if fields
                else foreign(path, "MetaImage")
            )
        fields[name.strip()] = value.strip()
    return fields


def _length(fields: Mapping[str, str], path: Path) -> int:
    """Count the bytes that voxels need, unpacked, and see that the numbers agree."""
    try:
        axes = int(fields["NDims"])
        sizes = [int(size) for size in fields["DimSize"].split()]
        bytes_each = _BYTES[fields["ElementType"].removeprefix("MET_")]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
    except (KeyError, ValueError) as error:
        raise damaged(path, f"its header lacks or misspells {error}") from error
    if not 2 <= axes <= _MOST_AXES or len(sizes) != axes or min(sizes) < 1:
        raise damaged(path, f"it claims {axes} axes {tuple(sizes)}")
    if not 1 <= channels <= _MOST_CHANNELS:
        raise damaged(path, f"it claims {channels} channels")
    for names, count in ((_PER_AXIS, axes), (_PER_PAIR, axes * axes)):
        for name in names:
            if len(fields.get(name, "0 " * count).split()) != count:
                raise damaged(path, f"{name} is {fields[name]!r}")
    return prod(sizes) * channels * bytes_each


def _check(file: BinaryIO, fields: Mapping[str, str], needed: int, path: Path) -> None:
    """Check the voxels behind the header, or in the file it names."""
    if fields.get("BinaryData", "True").lower() in ("false", "0"):
        # At least one digit each, and something between.
        bytes_each = _BYTES[fields["ElementType"].removeprefix("MET_")]
        check_rest(file, 2 * needed // bytes_each - 1, path)
    elif fields.get("CompressedData", "False").lower() in ("true", "1"):
        check_zlib(file, needed, path)
    else:
        check_rest(file, max(0, _skipped(fields, path)) + needed, path)


def _skipped(fields: Mapping[str, str], path: Path) -> int:
    try:
        return int(fields.get("HeaderSize", "0"))
    except ValueError as error:
        raise damaged(path, f"HeaderSize is {fields['HeaderSize']!r}") from error


def _data_file(fields: Mapping[str, str]) -> str | None:
    name = fields["ElementDataFile"]
    return None if name.upper() == "LOCAL" else name


_HEADER = TextHeader(_fields, _length, _data_file, _check, ".mha")
