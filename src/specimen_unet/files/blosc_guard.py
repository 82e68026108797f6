"""Blocks packed by Blosc are looked at before they are unpacked.

numcodecs trusts the lengths that stand in a block, so that it reads beyond the end of
one that was cut off: it gives noise, or ends the process (numcodecs issue 228).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from zarr.storage import LocalStore, WrapperStore

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

# c-blosc 1, README_HEADER: bytes 4 to 7 hold the length of what was packed, bytes 12 to
# 15 that of the packed block.
_HEADER = struct.Struct("<4xi4xI")
_DESCRIPTIONS = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")


class GuardedStore(WrapperStore[LocalStore]):
    """A folder of blocks that are whole: ValueError for one that is cut off.

    Parts of files (shards) are handed on as they are.
    """

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Read a file, or a part of it."""
        found = await super().get(key, prototype, byte_range)
        is_block = key.rpartition("/")[2] not in _DESCRIPTIONS
        if found is not None and is_block and byte_range is None:
            _check_whole(found.to_bytes(), key)
        return found


def _check_whole(block: bytes, key: str) -> None:
    unpacked, stored = 0, _HEADER.size
    if len(block) >= _HEADER.size:
        unpacked, stored = _HEADER.unpack_from(block)
    if stored > len(block):
        raise ValueError(
            f"the file {key} is cut off: {len(block)} of {stored} bytes are left"
        )
    if unpacked < 0:
        raise ValueError(f"the file {key} claims to hold {unpacked} bytes")
