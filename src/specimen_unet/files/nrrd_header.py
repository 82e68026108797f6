"""Whether an NRRD file is whole, and what it says of its unit.

The header is text; the voxels follow it, or lie in a file that it names
(``.nhdr``). Format: https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, BinaryIO

from specimen_unet.files.text_header import TextHeader
from specimen_unet.files.volume_header import (
    LONGEST_HEADER,
    VolumeHeader,
    check_rest,
    damaged,
    foreign,
    truncated,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAMES = {
    1: "signed char|int8|int8_t|uchar|unsigned char|uint8|uint8_t",
    2: "short|short int|signed short|signed short int|int16|int16_t"
    "|ushort|unsigned short|unsigned short int|uint16|uint16_t",
    4: "int|signed int|int32|int32_t|uint|unsigned int|uint32|uint32_t|float",
    8: "longlong|long long|long long int|signed long long|signed long long int|int64"
    "|int64_t|ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t"
    "|double",
}
_BYTES = {name: size for size, names in _NAMES.items() for name in names.split("|")}
_PACKINGS = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_TEXTS = ("ascii", "text", "txt")
# Spaces of patients and scanners, where programs mean millimetres: "LPS",
# "right-anterior-superior", "scanner-xyz".
_PLACES = re.compile(r"[LRAPSI]{3}|(left|right)-\w+-\w+|scanner-xyz(-time)?", re.I)
_MOST_AXES = 5


def read_nrrd_header(path: Path) -> VolumeHeader:
    """Read the header of an NRRD file, and check that all its voxels are there.

    Parameters
    ----------
    path : Path
        A ``.nrrd`` file, or ``.nhdr`` with its file of voxels beside it.

    Returns
    -------
    VolumeHeader
        With the units that the file names; the convention is "mm" for volumes in
        the space of a patient or scanner.

    Raises
    ------
    CaseReadError
        If the file (or that of its voxels) is missing, empty, truncated, damaged or
        no NRRD.
    """
    fields = _HEADER.read(path)
    place = fields.get("space", "")
    convention = "mm" if _PLACES.fullmatch(place) else ""
    return VolumeHeader(_units(fields), convention)


def _fields(file: BinaryIO, path: Path) -> dict[str, str]:
    """Read "field: value" to the empty line; comments and keys of others are left."""
    if not re.match(rb"NRRD000[1-5]\r?\n", file.readline(16)):
        raise foreign(path, "NRRD")
    fields: dict[str, str] = {}
    while line := file.readline(LONGEST_HEADER).decode("utf-8", "replace").strip():
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("#") and ":=" not in name:
            fields[name.strip().lower()] = value.strip()
        if file.tell() > LONGEST_HEADER:
            raise damaged(path, "its header does not end")
    return fields


def _length(fields: Mapping[str, str], path: Path) -> int:
    """Count the bytes that voxels need, unpacked."""
    try:
        axes = int(fields["dimension"])
        sizes = [int(size) for size in fields["sizes"].split()]
        bytes_each = _BYTES[fields["type"].lower()]
    except (KeyError, ValueError) as error:
        raise damaged(path, f"its header lacks or misspells {error}") from error
    if len(sizes) != axes or not 1 <= axes <= _MOST_AXES or min(sizes) < 1:
        raise damaged(path, f"it claims {axes} axes {tuple(sizes)}")
    return prod(sizes) * bytes_each


def _check(file: BinaryIO, fields: Mapping[str, str], needed: int, path: Path) -> None:
    """Check the voxels behind the header, or in the file it names."""
    encoding = fields.get("encoding", "").lower()
    if encoding in _TEXTS:  # at least one digit each, and something between
        check_rest(file, 2 * needed // _BYTES[fields["type"].lower()] - 1, path)
    elif encoding == "hex":
        check_rest(file, 2 * needed, path)
    elif encoding not in _PACKINGS:
        raise damaged(path, f"its voxels are encoded as {encoding!r}")
    else:
        for _ in range(_skipped(fields, "line skip", path)):
            if not file.readline(LONGEST_HEADER):
                raise truncated(path)
        stream = unpacked(file, _PACKINGS[encoding])
        check_rest(stream, _skipped(fields, "byte skip", path) + needed, path)


def _skipped(fields: Mapping[str, str], name: str, path: Path) -> int:
    text = fields.get(name, fields.get(name.replace(" ", ""), "0"))
    if not re.fullmatch(r"\d{1,9}", text):
        if text == "-1":  # from the end: there is nothing behind the voxels
            return 0
        raise damaged(path, f"{name} is {text!r}")
    return int(text)


def _data_file(fields: Mapping[str, str]) -> str | None:
    return fields.get("data file", fields.get("datafile"))


def _units(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Find ``space units: "mm" "mm" "mm"``, or ``units`` of each axis."""
    if "space units" in fields:
        return tuple(re.findall(r'"([^"]*)"', fields["space units"]))
    units = re.findall(r'"([^"]*)"', fields.get("units", ""))
    kinds = fields.get("kinds", "").split() or ["domain"] * len(units)
    return tuple(
        unit
        for unit, kind in zip(units, kinds, strict=False)
        if kind in ("domain", "space")
    )


_HEADER = TextHeader(_fields, _length, _data_file, _check, ".nrrd")
