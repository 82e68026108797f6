"""What a Dask worker is asked to do; it shares nothing with who asks but a folder."""

from __future__ import annotations

import os
import platform
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import specimen_unet
from specimen_unet.domain.errors import RunBusyError, RunFolderError, SpecimenUnetError
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.wanted import control_by, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.control import StudyControl
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.engine.model import Model
    from specimen_unet.runs.image_files import Input
    from specimen_unet.runs.segmented import ModelFile

SIGN = "wanted"
"""File in a study that is touched as long as somebody waits for it."""

PATIENCE_SECONDS = 300.0
"""How long a fold may be held by another worker without getting on: a network drive
frees the lock of a dead machine after a minute or two."""

_RETRY_SECONDS = 2.0

# A worker with several threads would train several folds in one memory.
_ONE_AT_A_TIME = threading.Lock()


def version_and_unseen(paths: Sequence[str]) -> tuple[str, list[str]]:
    """Return the version on a worker, and which files or folders it does not see."""
    unseen = [path for path in paths if not Path(path).exists()]
    return specimen_unet.__version__, unseen


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
    wait_for(study.path / SIGN)
    with _ONE_AT_A_TIME, control_by(study.path / SIGN) as control:
        _do_when_free(study, fold, control)


def do_image(
    image: Input,
    models: tuple[ModelFile, ...],
    out: str,
    settings: SegmentationSettings,
) -> Path | str:
    """Segment an image; return where its labels are, or why there are none."""
    from specimen_unet.runs.segment_files import segment_image

    with _ONE_AT_A_TIME:
        try:
            events = segment_image(image, _loaded(models), Path(out), settings)
            while True:
                try:
                    next(events)
                except StopIteration as end:
                    path: Path = end.value
                    return path
        except (SpecimenUnetError, OSError) as error:
            return str(error)


@lru_cache(maxsize=1)
def _loaded(models: tuple[ModelFile, ...]) -> list[Model]:
    """Load models once for all images."""
    from specimen_unet.engine.devices import settle_heap
    from specimen_unet.engine.model import load_model

    settle_heap()
    return [load_model(model.path) for model in models]


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
