"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_SUFFIX = re.compile(r"(\.ome\.tiff?|\.nii\.gz|\.[^.]+)$", re.IGNORECASE)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder that takes `path`'s place at the end.

    Its suffixes are those of `path`, since libraries choose the format by them.
    When writing fails, the process is killed or the power goes, an earlier file stays
    as it was.

    Parameters
    ----------
    path : Path
        The file to be written; its folder is made when it is missing.

    Yields
    ------
    Path
        Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = _SUFFIX.search(path.name)
    mark = f".part-{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(mark + (suffix.group() if suffix else ""))
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have it on the disk before it takes the place of an earlier one."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
