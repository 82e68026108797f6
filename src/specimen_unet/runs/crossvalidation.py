"""Cross-validation: every case is segmented by a model that has not seen it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from specimen_unet.domain.control import StudyControl
from specimen_unet.domain.events import Event, Finished, Warned
from specimen_unet.engine.devices import choose_device
from specimen_unet.runs.fold import run_fold
from specimen_unet.runs.side_by_side import side_by_side
from specimen_unet.runs.spread import connected, on_workers
from specimen_unet.runs.study_scores import write_scores

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.runs.study import StudyFolder


def crossvalidating(
    study: StudyFolder,
    *,
    control: StudyControl | None = None,
    devices: Sequence[str] = (),
    scheduler: str | None = None,
) -> Generator[Event, None, None]:
    """Do what is left of a study.

    Parameters
    ----------
    study : StudyFolder
        Held by this process meanwhile.
    control : StudyControl, optional
        How the work is paused or left.
    devices : sequence of str, optional
        As many folds as there are names run side by side, each in a process of its
        own and on its device. Without it, one fold after the other in this process,
        where the study's settings say.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work instead.

    Yields
    ------
    Event
        FoldBegun, FoldProgress and FoldDone of every fold, also of those that were
        done before; Finished last. In this process also what trainings tell.

    Raises
    ------
    RunBusyError
        If another process works on the study, or on one of its folds.
    WorkLeft
        If `control` was left: the study goes on when it is run again.
    SpecimenUnetError
        If a fold failed. Those under way elsewhere end first; no other is begun.
    """
    control = control or StudyControl()
    with study.lock():
        study.remove_leftovers()
        for caution in study.record.cautions:
            yield Warned(caution)
        done = [fold for fold in range(study.folds) if study.is_done(fold)]
        left = [fold for fold in range(study.folds) if fold not in done]
        yield from _one_after_another(study, done, control)
        for fold in left:
            study.run(fold)  # made here, where nobody else can be making it
        if scheduler is not None and left:
            work = on_workers(study, left, scheduler, control)
        elif devices:
            work = side_by_side(study, left, devices, control)
        else:
            work = _one_after_another(study, left, control)
        with closing(work):
            yield from work
        write_scores(study)
        yield Finished(str(study.path))


def check_reachable(
    settings: TrainingSettings, devices: Sequence[str], scheduler: str | None
) -> None:
    """Refuse devices and schedulers that are not there, before a study is made.

    Parameters
    ----------
    settings : TrainingSettings
        Of the study, with the device of all folds.
    devices, scheduler
        As for `crossvalidating`.

    Raises
    ------
    PlanError
        If a device is not there.
    RunFolderError
        If no scheduler answers.
    """
    if scheduler is not None:
        with connected(scheduler):
            return  # its workers' devices are theirs to know
    for device in devices or [settings.device]:
        choose_device(device)


def _one_after_another(
    study: StudyFolder, folds: Sequence[int], control: StudyControl
) -> Generator[Event, None, None]:
    for fold in folds:
        yield from run_fold(study, fold, control)
