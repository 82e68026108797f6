"""One process at a time works on a run: a lock that ends with its process."""

from __future__ import annotations

import errno
import os
import platform
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from specimen_unet.domain.errors import RunBusyError, RunFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Windows locks bytes against reading, too: lock one far behind the text.
_LOCKED_BYTE = 1 << 20
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder.

    The system frees it when the process ends, however it ends, so the lock of a
    killed process never blocks. On a network drive (NFS) it is held for other
    machines, too; when a machine dies, the server frees its locks after a minute or
    two (the lease).

    Raises
    ------
    RunBusyError
        If another process holds it; the message says which, and on which machine.
    RunFolderError
        If the file system knows no locks.
    """
    with (folder / "lock").open("a+", encoding="utf-8") as file:
        try:
            _take(file)
        except OSError as error:
            if error.errno not in _BUSY:
                raise RunFolderError(
                    f"{folder} is on a file system that cannot lock files "
                    f"({error.strerror}): choose a folder on another drive."
                ) from error
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RunBusyError(
                f"{folder.name} is being worked on by {holder}: wait for it, or "
                "stop it first."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            _give_back(file)


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(file: IO[str]) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _give_back(file: IO[str]) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _give_back(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
