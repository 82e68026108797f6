"""Groups and arrays of a zarr folder, whose faults are told in a person's words.

Zarr decodes a block when it is read, long after the file was opened: arrays from here
name file and fault even then. By the standard, a block that has no file is filled with
the array's fill value; that is no fault.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.blosc_guard import GuardedStore

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array

_CODEC_KEYS = ("filters", "compressor", "codecs")

# What zarr, its codecs and the system raise on folders that are not as they should be.
_FAULTS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    AssertionError,
    zlib.error,
)

# Beyond these, numbers in the metadata are damaged, not large.
_MOST_BYTES = 2**46
_MOST_BLOCKS = 10_000_000
_MOST_BLOCK_BYTES = 2**32


def read_attributes(path: Path) -> dict[str, Any]:
    """Read the attributes of a group.

    Raises
    ------
    CaseReadError
        If there is none, or its JSON is damaged.
    """
    try:
        group = zarr.open_group(str(path), mode="r", use_consolidated=False)
        attributes: dict[str, Any] = group.attrs.asdict()
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    return attributes


def is_group(path: Path) -> bool:
    """Tell whether there is a group, sound or damaged, at a path."""
    if (path / "zarr.json").is_file():
        return not _is_array(path)
    has = {head: (path / head).is_file() for head in (".zgroup", ".zattrs", ".zarray")}
    return has[".zgroup"] or (has[".zattrs"] and not has[".zarray"])


def open_blocks(path: Path) -> Blocks:
    """Open an array without reading any of its blocks.

    Raises
    ------
    CaseReadError
        If there is none, its description is damaged, it holds no numbers, or it
        would run code when it is read.
    """
    try:
        array = zarr.open_array(str(path), mode="r")
        stored = array.metadata.to_dict()
        codecs = [stored.get(key) for key in _CODEC_KEYS]
        _check_codecs(codecs, path)
        if "blosc" in str(codecs):
            array = zarr.open_array(GuardedStore(LocalStore(path, read_only=True)))
        blocks = Blocks(array, path)
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    _check_size(blocks, path)
    return blocks


class Blocks:
    """A zarr array that says which file is damaged when a part of it is read.

    Has what dask asks of an array: `shape`, `chunks`, `dtype`, `ndim`, and slicing.
    """

    def __init__(self, array: Any, path: Path) -> None:
        self._array = array
        self._path = path
        self.shape: tuple[int, ...] = tuple(int(length) for length in array.shape)
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)
        # A shard is a file of many blocks, each of which can be read alone.
        self.chunks: tuple[int, ...] = tuple(int(n) for n in array.chunks)

    def __getitem__(self, part: Any) -> Array:
        try:
            return np.asarray(self._array[part])
        except _FAULTS as error:
            raise CaseReadError(
                f"{self._path} has a damaged block ({_told(error)}) in the part "
                f"{_told_part(part)}: copy or export it again."
            ) from error


def _check_size(blocks: Blocks, path: Path) -> None:
    if blocks.dtype.kind not in "buif":
        raise CaseReadError(
            f"{path} holds {blocks.dtype} values, but an image holds integers or real "
            "numbers: export it again."
        )
    if not all(blocks.shape):
        raise CaseReadError(f"{path} has no voxels (shape {blocks.shape}).")
    size = math.prod(blocks.shape) * blocks.dtype.itemsize
    block = math.prod(blocks.chunks) * blocks.dtype.itemsize
    count = math.prod(
        -(-n // step) for n, step in zip(blocks.shape, blocks.chunks, strict=True)
    )
    if size > _MOST_BYTES or block > _MOST_BLOCK_BYTES or count > _MOST_BLOCKS:
        raise CaseReadError(
            f"{path} says that it holds {blocks.shape} voxels in blocks of "
            f"{blocks.chunks}, which is beyond reason: its description is "
            "damaged. Copy or export it again."
        )


def _check_codecs(description: Any, path: Path) -> None:
    """Refuse codecs that run code from the file (pickle), wherever they are named."""
    if isinstance(description, dict):
        for key in ("id", "name"):
            if "pickle" in str(description.get(key, "")).lower():
                raise CaseReadError(
                    f"{path} is stored by pickle, which can run harmful code when it "
                    "is read: it is not read. Export it again with another codec."
                )
        description = list(description.values())
    if isinstance(description, list | tuple):
        for inner in description:
            _check_codecs(inner, path)


def _is_array(path: Path) -> bool:
    try:
        zarr.open_array(str(path), mode="r")
    except _FAULTS:
        return False
    return True


def _unreadable(path: Path, error: BaseException) -> CaseReadError:
    if not path.exists():
        return CaseReadError(
            f"There is nothing at {path}: choose a folder NAME.ome.zarr."
        )
    return CaseReadError(
        f"{path} cannot be read as zarr ({_told(error)}): it is damaged or not whole. "
        "Copy or export it again."
    )


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _told_part(part: Any) -> str:
    parts = part if isinstance(part, tuple) else (part,)
    return ", ".join(
        f"{p.start}:{p.stop}" if isinstance(p, slice) else str(p) for p in parts
    )
