"""When a training is saved, and how it is found again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import PlanError, RunFolderError
from specimen_unet.domain.events import CheckpointSaved
from specimen_unet.engine.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.learner import Learner
    from specimen_unet.engine.state import TrainingState

# Often enough to lose little, and never more than a twentieth of the time.
_SECONDS_BETWEEN = 20.0
_TIMES_LONGER = 20


def prolong(
    folder: Path, plan: Plan, *, minutes: float | None = None, steps: int | None = None
) -> None:
    """Let a training go on for longer, from where its checkpoint stands.

    Whether it had ended, was stopped or left makes no difference: from there it has
    that much time, or so many steps, when it is resumed.

    Parameters
    ----------
    folder : Path
        Where its checkpoint is.
    plan : Plan
        It was begun with.
    minutes, steps
        How long it goes on, by one of the two.

    Raises
    ------
    RunFolderError
        If there is no checkpoint, or it is damaged or belongs to another plan.
    PlanError
        If it is no time at all.
    """
    if (minutes or steps or 0) <= 0:
        raise PlanError(
            f"A training cannot be prolonged by {minutes or steps or 0:g}: give more "
            "than 0 minutes."
        )
    checkpoint = load_checkpoint(folder, plan)
    if checkpoint is None:
        raise RunFolderError(
            f"{folder} holds no checkpoint, so there is nothing to prolong: train it "
            "first."
        )
    state = checkpoint.state.prolonged(minutes=minutes, steps=steps)
    save_checkpoint(folder, replace(checkpoint, state=state), plan)


class Saving:
    """The checkpoint of a training, replaced again and again.

    When it is saved has no influence on the training.

    Parameters
    ----------
    folder : Path or None
        Where it is kept; None saves nothing.
    plan : Plan
        It belongs to.
    """

    def __init__(self, folder: Path | None, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._saved: tuple[int, int] | None = None
        self._due = time.perf_counter() + _SECONDS_BETWEEN

    @property
    def saved_step(self) -> int | None:
        """Step from which the training could go on; None without a checkpoint."""
        return self._saved[0] if self._saved else None

    def is_due(self, state: TrainingState) -> bool:
        """Tell whether the last one is long ago, or a validation would be lost."""
        if self._folder is None:
            return False
        is_validated = state.validated_step == state.step > 0
        return is_validated or time.perf_counter() >= self._due

    def save(self, learner: Learner, state: TrainingState) -> list[CheckpointSaved]:
        """Save a checkpoint; nothing if this very state is saved."""
        moment = state.step, state.validated_step
        if self._folder is None or moment == self._saved:
            return []
        start = time.perf_counter()
        checkpoint = Checkpoint(learner.tensors(), state, learner.scaler_state())
        path = save_checkpoint(self._folder, checkpoint, self._plan)
        self._saved = moment
        end = time.perf_counter()
        self._due = end + max(_SECONDS_BETWEEN, _TIMES_LONGER * (end - start))
        return [CheckpointSaved(state.step, str(path))]

    def restore(self, learner: Learner) -> TrainingState | None:
        """Bring the learner to where the checkpoint was saved.

        Returns
        -------
        TrainingState or None
            None where there is no checkpoint.

        Raises
        ------
        RunFolderError
            If it is damaged or belongs to another plan.
        """
        if self._folder is None:
            return None
        checkpoint = load_checkpoint(self._folder, self._plan)
        if checkpoint is None:
            return None
        try:
            learner.restore(checkpoint.tensors, checkpoint.scaler)
        except ValueError as error:
            raise RunFolderError(
                f"The checkpoint in {self._folder} does not fit the network ({error}): "
                "delete it to train from the start."
            ) from error
        state = checkpoint.state
        self._saved = state.step, state.validated_step
        return state
