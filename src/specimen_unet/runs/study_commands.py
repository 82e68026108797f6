"""``specimen-unet crossvalidate``: studies from the terminal."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tqdm import tqdm

from specimen_unet.domain.control import StudyControl, WorkLeft
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.events import FoldDone, Validated, Warned
from specimen_unet.engine.devices import settle_heap
from specimen_unet.runs.answers import Answer, Status, records
from specimen_unet.runs.crossvalidation import crossvalidating
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_progress import StudyProgress, done_in_words
from specimen_unet.runs.study_scores import shown_summary
from specimen_unet.runs.terminal import WholeBar, stopping

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from specimen_unet.domain.events import Event


def open_study(path: Path, *, is_chosen: bool) -> StudyFolder:
    """Open a study that is to go on as it was made.

    Raises
    ------
    PlanError
        If anything else was chosen.
    """
    if is_chosen:
        raise PlanError(
            "A study keeps the settings and cases it was made with: leave the options "
            "out, or make another one of the folder of cases."
        )
    return StudyFolder.open(path)


def crossvalidate(
    study: StudyFolder, *, devices: Sequence[str] = (), scheduler: str | None = None
) -> Answer:
    """Do what is left of a study and show its table.

    Parameters
    ----------
    study : StudyFolder
        Begun or not.
    devices : sequence of str, optional
        One for each fold that runs beside others.
    scheduler : str, optional
        Of Dask workers that do the work.
    """
    settle_heap()
    _tell(f"Study: {study.path}")
    control = StudyControl()
    work = crossvalidating(study, control=control, devices=devices, scheduler=scheduler)
    try:
        _watched(work, control, StudyProgress(study.folds))
    except (WorkLeft, KeyboardInterrupt):
        command = f"specimen-unet crossvalidate '{study.path}'"
        text = f"Left before its end, nothing is lost. Go on with\n    {command}"
        content = {"study": str(study.path), "resume": command}
        return Answer(text, content, Status.INTERRUPTED)
    return _answer(study)


def _watched(
    work: Generator[Event, None, None], control: StudyControl, progress: StudyProgress
) -> None:
    """Show one bar for all folds, and a line for each that is done."""
    with closing(work), stopping(control), WholeBar("Cross-validation") as bar:
        for event in work:
            progress.hear(event)
            if isinstance(event, FoldDone):
                _tell(done_in_words(event))
            elif isinstance(event, Warned):
                _tell(f"warning: {event.message}")
            elif not isinstance(event, Validated):
                bar.move(progress.progress, progress.in_words(), progress.seconds_left)


def _tell(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


def _answer(study: StudyFolder) -> Answer:
    summary = study.read_table(study.summary_path)
    text = (
        f"{shown_summary(summary)}\n"
        "low, high: 95 % bootstrap interval of the mean, over groups.\n"
        f"Tables: {study.summary_path}, {study.scores_path}\n"
        f"Labels: {study.path / 'predictions'}\n"
        "All models together: specimen-unet segment IMAGES "
        f"'{study.path}' --out LABELS"
    )
    content = {
        "study": str(study.path),
        "models": [str(path) for path in study.model_paths],
        "predictions": str(study.path / "predictions"),
        "summary": records(summary),
        "scores": records(study.read_table(study.scores_path)),
    }
    return Answer(text, content)
