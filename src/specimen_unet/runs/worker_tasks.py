"""What a Dask worker is asked to do; it shares nothing with who asks but a folder."""

from __future__ import annotations

import os
import platform
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import specimen_unet
from specimen_unet.domain.errors import RunBusyError, RunFolderError
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.wanted import control_by

if TYPE_CHECKING:
    from specimen_unet.domain.control import StudyControl

SIGN = "wanted"
"""File in a study that is touched as long as somebody waits for it."""

PATIENCE_SECONDS = 300.0
"""How long a fold may be held by another worker without getting on: a network drive
frees the lock of a dead machine after a minute or two."""

_RETRY_SECONDS = 2.0

# A worker with several threads would train several folds in one memory.
_ONE_AT_A_TIME = threading.Lock()


def version_and_sight(path: str) -> tuple[str, bool]:
    """Return the version on a worker, and whether it sees a file or folder."""
    return specimen_unet.__version__, Path(path).exists()


def do_fold(path: str, fold: int) -> None:
    """Do what is left of a fold, while somebody waits for it.

    Raises
    ------
    RunFolderError
        If the worker does not see the study, or another one holds the fold without
        getting on.
    WorkLeft
        If nobody waits any more: the fold is saved.
    """
    if not StudyFolder.is_study(Path(path)):
        raise RunFolderError(not_seen(path, platform.node()))
    study = StudyFolder.open(Path(path))
    with _ONE_AT_A_TIME, control_by(study.path / SIGN) as control:
        _do_when_free(study, fold, control)


def not_seen(path: str, machine: str) -> str:
    """Say that a worker does not share the folder."""
    return (
        f"The worker on {machine} does not see {path}: you and all workers must see "
        "the same folder under the same name, as on a network drive."
    )


def _do_when_free(study: StudyFolder, fold: int, control: StudyControl) -> None:
    """Do a fold; wait while another worker gets on with it.

    A worker that was taken for dead may still be at it, and a network drive may hold
    the lock of one that is dead.
    """
    from specimen_unet.engine.devices import settle_heap
    from specimen_unet.runs.fold import run_fold

    settle_heap()
    journal = study.path / f"fold-{fold}" / "events.jsonl"
    seen, since = _size(journal), time.monotonic()
    while True:
        try:
            for _ in run_fold(study, fold, control):
                pass
        except RunBusyError:
            now = _size(journal)
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise
            control.wait_while_paused()
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
