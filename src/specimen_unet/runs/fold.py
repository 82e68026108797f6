"""One fold of a study: train on the other folds, then segment the cases left out."""

from __future__ import annotations

import math
import time
from contextlib import closing
from typing import TYPE_CHECKING

from specimen_unet.domain.choices import changed
from specimen_unet.domain.events import (
    Event,
    Finished,
    FoldBegun,
    FoldDone,
    FoldProgress,
    StepDone,
)
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.devices import memory_errors
from specimen_unet.engine.model import load_model
from specimen_unet.engine.segmentation import segmenting
from specimen_unet.runs.study_scores import mean_dice, score_cases, write_prediction
from specimen_unet.runs.work import ADVICE, train_run

if TYPE_CHECKING:
    from collections.abc import Generator

    from specimen_unet.domain.control import StudyControl
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.runs.study import StudyFolder

TRAINING_SHARE = 0.9
"""Of the progress of a fold; segmenting its cases is the rest."""

_TELL_SECONDS = 0.2


def run_fold(
    study: StudyFolder,
    fold: int,
    control: StudyControl,
    device: str | None = None,
) -> Generator[Event, None, None]:
    """Do what is left of a fold: all of it, the rest of it, or nothing.

    Parameters
    ----------
    study : StudyFolder
        What the fold belongs to.
    fold : int
        Which; 0 is the first.
    control : StudyControl
        Asks to pause or to leave.
    device : str, optional
        Where to compute, instead of where the study's settings say.

    Yields
    ------
    Event
        FoldBegun first, FoldDone last; FoldProgress a few times a second, and what the
        training tells.

    Raises
    ------
    RunBusyError
        If another process works on it.
    WorkLeft
        If it was left; it goes on from there when it is run again.
    """
    run = study.run(fold)
    yield FoldBegun(fold, study.folds)
    if not run.is_finished:
        yield from _trained(run, fold, study.folds, control, device)
    yield from _segmented(study, run, fold, control, device)
    scores = score_cases(study, study.cases_of(fold))
    yield FoldDone(fold, study.folds, mean_dice(scores))


def _trained(
    run: RunFolder,
    fold: int,
    folds: int,
    control: StudyControl,
    device: str | None,
) -> Generator[Event, None, None]:
    """Train, or go on; the model stays in the run."""
    told = -math.inf
    events = train_run(
        run, resume=True, control=control, library=run.path, device=device
    )
    with closing(events):
        for event in events:
            if isinstance(event, Finished):
                return  # of the study, not of the fold
            yield event
            if isinstance(event, StepDone) and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                share = TRAINING_SHARE * event.progress
                yield FoldProgress(fold, folds, share, event.seconds_left, "training")


def _segmented(
    study: StudyFolder,
    run: RunFolder,
    fold: int,
    control: StudyControl,
    device: str | None,
) -> Generator[Event, None, None]:
    """Segment the cases of a fold that are not segmented yet."""
    cases = study.cases_of(fold)
    missing = [case for case in cases if not study.prediction_path(case).exists()]
    if not missing:
        return
    where = device or run.settings.device
    settings = changed(SegmentationSettings(), device=where)
    with memory_errors(ADVICE):
        model = load_model(run.model_path)
        start = time.monotonic()
        for number, case in enumerate(missing):
            share = 1 - (1 - TRAINING_SHARE) * (len(missing) - number) / len(cases)
            spent = time.monotonic() - start
            left = spent / number * (len(missing) - number) if number else math.nan
            doing = f"segmenting {case.name}"
            yield FoldProgress(fold, study.folds, share, left, doing)
            events = segmenting(study.read(case), model, settings, control=control)
            while True:
                try:
                    next(events)
                except StopIteration as end:
                    write_prediction(study, case, end.value.labels)
                    break
