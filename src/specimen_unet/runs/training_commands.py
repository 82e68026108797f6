"""``specimen-unet plan`` and ``specimen-unet train``."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tqdm import tqdm

from specimen_unet.domain.control import Control, WorkLeft
from specimen_unet.domain.errors import PlanError, SpecimenUnetError
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cases import cases_of
from specimen_unet.files.library import read_card
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.runs.terminal import ProgressBar, stopping
from specimen_unet.runs.work import plan_run, train_run

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from specimen_unet.domain.card import Metrics
    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.files.case_options import CaseOptions


def plan(folder: Path, settings: TrainingSettings, options: CaseOptions) -> Answer:
    """Plan a folder of cases."""
    return _planned(make_plan(cases_of(CaseFolder.open(folder, options)), settings))


def plan_again(run: RunFolder) -> Answer:
    """Say what was planned for a run; one that was not begun is planned anew."""
    return _planned(plan_run(run))


def _planned(decided: Plan) -> Answer:
    return Answer(str(decided), decided.model_dump(mode="json"))


def new_run(
    folder: Path,
    settings: TrainingSettings,
    options: CaseOptions,
    *,
    parent: Path | None,
    name: str | None,
    start_from: Path | None,
) -> RunFolder:
    """Make a run of a folder of cases."""
    return RunFolder.create(
        parent or runs_folder(),
        name or folder.resolve().name,
        cases_of(CaseFolder.open(folder, options)),
        settings,
        start_from,
    )


def open_run(folder: Path, *, is_chosen: bool) -> RunFolder:
    """Open a run that is to be trained as it was planned.

    Raises
    ------
    PlanError
        If anything else was chosen.
    """
    if is_chosen:
        raise PlanError(
            "A run keeps the settings and cases it was made with: leave the options "
            "out, or start a new run from the folder of cases."
        )
    return RunFolder.open(folder)


def train(
    run: RunFolder,
    *,
    resume: bool = False,
    more_minutes: float | None = None,
    library: Path | None = None,
) -> Answer:
    """Train a run and say where its model is and what it is worth.

    Parameters
    ----------
    run : RunFolder
        Planned or not.
    resume : bool
        Go on where it was left.
    more_minutes : float, optional
        Go on for so long, also if it had ended.
    library : Path, optional
        Where the model is copied to; by default the library of models.

    Raises
    ------
    SpecimenUnetError
        If it cannot be trained. A run that never began is then removed.
    """
    settle_heap()
    is_new = not (run.path / "events.jsonl").exists()
    tqdm.write(f"Run: {run.path}", file=sys.stderr)
    control = Control()
    try:
        events = train_run(
            run,
            resume=resume,
            more_minutes=more_minutes,
            control=control,
            library=library,
        )
        path = _watched(events, control)
    except (WorkLeft, KeyboardInterrupt):
        return _interrupted(run)
    except SpecimenUnetError:
        if is_new and not run.has_checkpoint:
            shutil.rmtree(run.path)
        raise
    metrics = read_card(path).metrics
    status = Status.INTERRUPTED if control.is_stopped else Status.OK
    text = f"Model: {path}\nRun:   {run.path}\n{_score(metrics)}"
    content = {
        "model": str(path),
        "run": str(run.path),
        "stopped_early": control.is_stopped,
        "metrics": metrics.model_dump(mode="json") if metrics else None,
    }
    return Answer(text, content, status)


def _watched(events: Generator[Event, None, Path], control: Control) -> Path:
    """Train with a progress bar and an ear for Ctrl-C; return the model's path."""
    # Closed at once, so that a second Ctrl-C, too, leaves a checkpoint.
    with closing(events), stopping(control), ProgressBar("Training") as bar:
        while True:
            try:
                bar.show(next(events))
            except StopIteration as end:
                path: Path = end.value
                return path


def _interrupted(run: RunFolder) -> Answer:
    command = f"specimen-unet train '{run.path}' --resume"
    return Answer(
        f"Left before its end. Go on with\n    {command}",
        {"model": None, "run": str(run.path), "resume": command},
        Status.INTERRUPTED,
    )


def _score(metrics: Metrics | None) -> str:
    """Say in a line or two what the model reached on held-out cases."""
    if metrics is None:
        return "It was not scored: no labels were held out."
    text = f"{metrics.in_words(digits=3)}."
    return f"{text}\n{metrics.caution}" if metrics.caution else text
