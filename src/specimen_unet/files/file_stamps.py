"""What tells a file from another one, or from what it was before."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CHUNK = 2**24


def stamps_of(paths: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Tell files that were changed from those that were not: name, size and time."""
    return tuple((path.name, *_stamp(path)) for path in paths)


def _stamp(path: Path) -> tuple[int, int]:
    """Return size and time; of a folder (DICOM, OME-Zarr) those of what is in it."""
    if not path.is_dir():
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    entries = [entry.stat() for entry in os.scandir(path)]
    return (
        sum(entry.st_size for entry in entries),
        max((entry.st_mtime_ns for entry in entries), default=0),
    )


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    status = path.stat()
    return _hash(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _hash(path: Path, size: int, changed: int) -> str:
    """Read a file once as long as it stays the same."""
    del size, changed
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()
