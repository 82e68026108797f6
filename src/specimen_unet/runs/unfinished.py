"""Folders that appear under their name once they are whole, and what kills leave."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import RunBusyError, RunFolderError
from specimen_unet.runs.lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PREFIX = ".unfinished-"
_LOCK = "lock"


def finished_folder(path: Path, fill: Callable[[Path], None]) -> Path:
    """Make a folder out of sight, and give it its name when it is filled.

    What processes that were killed left beside it in this way is removed first; what
    another process is filling stays.

    Parameters
    ----------
    path : Path
        Missing or empty.
    fill : callable
        Writes into the folder it is given. What it raises leaves nothing behind.

    Returns
    -------
    Path
        As given.

    Raises
    ------
    RunFolderError
        If the file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path.parent)
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{path.name}.", dir=path.parent)
    unfinished = path.with_name(os.path.basename(folder))
    try:
        with locked(unfinished):
            fill(unfinished)
            unfinished.chmod(0o755)
            if sys.platform != "win32":
                _rename(unfinished, path)
        if sys.platform == "win32":  # pragma: no cover  # not while a file is open
            _rename(unfinished, path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    (path / _LOCK).unlink(missing_ok=True)
    return path


def remove_unfinished(parent: Path) -> None:
    """Delete the folders that killed processes were filling in a folder."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # Without a lock it has only just been made.
        if (folder / _LOCK).is_file() and not _is_held(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _rename(unfinished: Path, path: Path) -> None:
    if path.exists():
        path.rmdir()  # it is empty, or else this fails
    unfinished.rename(path)


def _is_held(folder: Path) -> bool:
    """Whether another process is filling a folder, or it has its name by now."""
    try:
        with locked(folder):
            return False
    except (RunBusyError, RunFolderError, OSError):
        return True
