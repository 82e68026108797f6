"""What is done in a run: plan, train, segment; the same for docks and terminal."""

from __future__ import annotations

import filecmp
import traceback
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from specimen_unet.domain.control import Control, WorkLeft
from specimen_unet.domain.errors import RunFolderError, SpecimenUnetError
from specimen_unet.domain.events import (
    Failed,
    Finished,
    Preview,
    Validated,
)
from specimen_unet.engine.devices import memory_errors
from specimen_unet.engine.model import load_model
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.saving import prolong
from specimen_unet.engine.segmentation import segmenting
from specimen_unet.engine.training import training
from specimen_unet.files.library import library_folder, read_card, unused_path
from specimen_unet.runs.curves import Curves, curves_of, write_curves, write_table
from specimen_unet.runs.fold_settings import (
    plan_of_another_fold,
    settings_like,
    with_reasons_of_a_fold,
)
from specimen_unet.runs.storage import copy_file, remove_leftovers
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.runs.segment_job import SegmentJob

ADVICE = "Choose a smaller patch or batch, or close other programs."


def plan_run(run: RunFolder) -> Plan:
    """Decide what a run will do and keep it in the run; once begun, it stays.

    Raises
    ------
    SpecimenUnetError
        If cases or settings cannot be trained on.
    """
    with run.lock():
        return _planned(run)


def train_run(
    run: RunFolder,
    *,
    resume: bool = False,
    more_minutes: float | None = None,
    control: Control | None = None,
    library: Path | None = None,
    device: str | None = None,
) -> Generator[Event, None, Path]:
    """Train a run to its end, or on from its checkpoint.

    Parameters
    ----------
    run : RunFolder
        Held by this process meanwhile.
    resume : bool
        Go on with a training that was begun; one that was not is begun, and a
        finished one only tells its result.
    more_minutes : float, optional
        Resume, and go on for so long from where it stands, finished or not. The model
        it had stays in the library.
    control : Control, optional
        How the training is paused, stopped or left.
    library : Path, optional
        Where the model is copied to; by default `library_folder()`. The run itself:
        it is copied nowhere.
    device : str, optional
        Where to train, instead of where the settings or the plan say.

    Yields
    ------
    Event
        PlanReady first, Finished last. They are kept in the run, previews apart.

    Returns
    -------
    Path
        The model in the library.

    Raises
    ------
    RunFolderError
        If another process works on the run, or it was begun and is not resumed.
    WorkLeft
        If `control` was left: the run can be resumed.
    """
    control = control or Control()
    library = library or library_folder()
    with run.lock():
        if more_minutes is not None:
            _prolong(run, more_minutes, library)
        else:
            _check_start(run, resume)
        if not run.is_finished:
            with _failures_kept(run):
                yield from _trained(run, control, device)
        path = _publish(run, library)
        finished = Finished(str(path), stopped_early=control.is_stopped)
        run.record(finished)
        run.log(f"Finished: {path}")
        yield finished
    return path


def segment_job(
    job: SegmentJob, control: Control | None = None
) -> Generator[Event, None, Path]:
    """Segment what lies in a job and write the labels beside it.

    Yields
    ------
    Event
        TileDone a tile, Finished last, with the path of the labels.

    Returns
    -------
    Path
        The labels, as .npy.
    """
    control = control or Control()
    order = job.order()
    with memory_errors(ADVICE):
        models = [load_model(path) for path in order.models]
        result = yield from segmenting(
            job.case(), models, order.settings, control=control
        )
    wanted = result.probabilities if order.settings.probabilities else None
    job.keep(result.labels, wanted)
    yield Finished(str(job.labels_path), stopped_early=control.is_stopped)
    return job.labels_path


def failure(error: Exception) -> Failed:
    """Say what went wrong: in plain words, or as a bug with where it happened."""
    if isinstance(error, SpecimenUnetError):
        return Failed(type(error).__name__, str(error))
    return Failed("bug", "".join(traceback.format_exception(error)))


def _check_start(run: RunFolder, resume: bool) -> None:
    if resume or not (run.is_finished or run.has_checkpoint):
        return
    state = "is finished" if run.is_finished else "was begun before"
    raise RunFolderError(
        f"The training {run.name} {state}: resume it (--resume), or start a new run."
    )


def _prolong(run: RunFolder, minutes: float, library: Path) -> None:
    """Take a run back to where it can go on; a kill in between leaves it finished."""
    plan = run.plan
    if plan is None:
        raise RunFolderError(
            f"The training {run.name} was not begun, so it cannot be prolonged: train "
            "it first."
        )
    prolong(run.path, plan, minutes=minutes)
    if run.is_finished:
        _publish(run, library)
        run.model_path.unlink()
    run.log(f"Prolonged by {minutes:g} min")


def _planned(run: RunFolder, device: str | None = None) -> Plan:
    """Return the plan of a run; one that was not begun is planned anew."""
    if run.plan is None or not run.has_checkpoint:
        with memory_errors(ADVICE):
            start = read_card(run.start_path).plan if run.start_path else None
            changes = {} if device is None else {"device": device}
            other = plan_of_another_fold(run)
            settings = settings_like(run.settings, other) if other else run.settings
            decided = make_plan(run.cases(), settings, start_from=start, **changes)
            run.write_plan(with_reasons_of_a_fold(decided, run.settings))
    # As it was read back: 10 has become 10.0, and a resumed training must find
    # the very same plan.
    plan = run.plan
    assert plan is not None
    return plan


def _trained(run: RunFolder, control: Control, device: str | None) -> Iterator[Event]:
    """Train, keep what is told, and save the model in the run."""
    remove_leftovers(run.path)
    plan = run.plan or _planned(run, device)
    run.log(f"{'Resumed' if run.has_checkpoint else 'Begun'} on {plan.device_name}")
    start = load_model(run.start_path) if run.start_path else None
    curves = curves_of(run.events())
    try:
        with memory_errors(ADVICE):
            model = yield from _kept(
                run,
                training(
                    run.cases(),
                    plan,
                    device=device,
                    control=control,
                    checkpoints=run.path,
                    resume=run.has_checkpoint,
                    start_from=start,
                ),
                curves,
            )
    finally:
        write_curves(run.path, curves)
    card = model.card.model_copy(update={"name": _model_name(run)})
    replace(model, card=card).save(run.model_path)


def _model_name(run: RunFolder) -> str:
    """Name a model by its run; the folds of all studies are called alike."""
    around = run.path.resolve().parent
    return f"{around.name}-{run.name}" if StudyFolder.is_study(around) else run.name


def _kept(
    run: RunFolder, events: Generator[Event, None, Model], curves: Curves
) -> Generator[Event, None, Model]:
    """Pass events on and keep them in the run, previews apart."""
    # Closing saves a checkpoint, if whoever listens has gone.
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                model: Model = end.value
                return model
            if not isinstance(event, Preview):
                run.record(event)
                curves.add(event)
            if isinstance(event, Validated):
                write_table(run.path / "curves.csv", curves)
            yield event


@contextmanager
def _failures_kept(run: RunFolder) -> Iterator[None]:
    """Write into the run what its training failed of."""
    try:
        yield
    except WorkLeft:
        run.log("Left, to be resumed")
        raise
    except Exception as error:
        failed = failure(error)
        run.record(failed)
        run.log(f"{failed.kind}: {failed.message}")
        raise


def _publish(run: RunFolder, library: Path) -> Path:
    """Copy the model into the library, unless it is there already."""
    for path in library.glob("*.safetensors"):
        if filecmp.cmp(path, run.model_path, shallow=False):
            return path
    path = unused_path(library, run.name)
    copy_file(run.model_path, path)
    return path
