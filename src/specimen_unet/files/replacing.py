"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that takes `path`'s place at the end.

    What is at `path` stays as it is until the new folder is whole. No system swaps two
    folders at once everywhere: a kill in the instant between two renames leaves what
    was there under the name ``.part-...-earlier`` beside `path`.

    Parameters
    ----------
    path : Path
        The folder to be written; the one around it is made when it is missing.

    Yields
    ------
    Path
        An empty folder to write into.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent))
    temporary.chmod(0o755)
    earlier = temporary.with_name(f"{temporary.name}-earlier")
    try:
        yield temporary
        if path.exists():
            os.replace(path, earlier)
        os.replace(temporary, path)
    finally:
        if earlier.exists() and not path.exists():
            os.replace(earlier, path)
        for leftover in (temporary, earlier):
            shutil.rmtree(leftover, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have it on the disk before it takes the place of an earlier one."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
