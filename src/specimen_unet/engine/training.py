"""Train a network on cases, and tell all the way how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.control import Control
from specimen_unet.domain.events import PlanReady
from specimen_unet.engine import planning
from specimen_unet.engine.course import Course
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.model import check_fine_tuning
from specimen_unet.engine.narration import Narrator
from specimen_unet.engine.saving import prolong

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import torch

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model


def training(  # noqa: PLR0913 (what, where, and how to go on)
    cases: Sequence[Case],
    plan: Plan,
    *,
    device: torch.device | str | None = None,
    control: Control | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    more_minutes: float | None = None,
    start_from: Model | None = None,
) -> Generator[Event, None, Model]:
    """Train as planned, an event at a time.

    Parameters
    ----------
    cases : sequence of Case
        Those the plan was made for. Labels may be memory-mapped and painted into
        meanwhile.
    plan : Plan
        From `plan`.
    device : torch.device or str, optional
        Where to train; the plan's device without.
    control : Control, optional
        Asks to pause, stop, leave, or show a preview.
    checkpoints : Path, optional
        Folder where the training is saved now and then, to be resumed.
    resume : bool, optional
        Go on from the checkpoint in that folder, if there is one. When the plan ends
        by steps, the model is that of an uninterrupted training, on a CPU bit for
        bit.
    more_minutes : float, optional
        Resume, and go on for so long from where the checkpoint stands, whether the
        training had ended or not.
    start_from : Model, optional
        Fine-tune this model.

    Yields
    ------
    Event
        `PlanReady` first, then `StepDone` every step, `Validated`, `Preview`,
        `CheckpointSaved` and `Warned`. Closing the generator saves a checkpoint.

    Returns
    -------
    Model
        With the weights at the end, unless they did clearly worse on what is held out
        than the best ones; with the best ones of a training that was stopped. Its card
        holds their scores, and says out of how many they were chosen.

    Raises
    ------
    PlanError
        If there is no such device.
    ModelFileError
        If the model to fine-tune does not fit the plan.
    RunFolderError
        If the checkpoint is damaged or belongs to another plan, or is missing where
        the training is to be prolonged.
    TrainingDivergedError
        If the loss is no longer a number; the last checkpoint stays.
    MemoryExceededError
        If the device ran out of memory.
    WorkLeft
        If `control` was left; the checkpoint is saved.
    """
    yield PlanReady(plan)
    where = choose_device(str(device or plan.device))
    if start_from is not None:
        check_fine_tuning(start_from, plan)
    if more_minutes is not None and checkpoints is not None:
        prolong(checkpoints, plan, minutes=more_minutes)
    course = Course(cases, plan, where, control or Control(), checkpoints, start_from)
    if resume or more_minutes is not None:
        course.resume()
    yield from course.run()
    return course.model()


def train(
    cases: Sequence[Case],
    plan: Plan | None = None,
    *,
    progress: Callable[[str], object] | None = None,
    device: str = "auto",
    start_from: Model | None = None,
    **changes: Any,
) -> Model:
    """Train a model.

    Parameters
    ----------
    cases : sequence of Case
        What to learn from, labelled.
    plan : Plan, optional
        From `plan`; made from the cases without.
    progress : callable, optional
        Called with a line of text now and then, e.g. `print`.
    device : str, optional
        "auto", "cpu", "cuda", "cuda:1" or "mps"; "auto" is the plan's, if there is
        one.
    start_from : Model, optional
        Fine-tune this model.
    **changes
        Fields of `TrainingSettings`, e.g. ``minutes=5``; a given plan is then made
        anew with them.

    Returns
    -------
    Model
        With the weights at the end, unless they did clearly worse on what is held out
        than the best ones.

    Raises
    ------
    SpecimenUnetError
        As `plan` and `training`.
    """
    if device != "auto":
        changes["device"] = device
    if plan is None or changes:
        plan = planning.plan(
            cases,
            plan.settings if plan else None,
            start_from=start_from.plan if start_from else None,
            **changes,
        )
    events = training(cases, plan, start_from=start_from)
    narrator = Narrator(progress or _ignore)
    while True:
        try:
            narrator.tell(next(events))
        except StopIteration as end:
            model: Model = end.value
            return model


def _ignore(line: str) -> None:
    """Say nothing."""
