"""The course of one training: learn, validate, save, and obey in between."""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import TrainingDivergedError
from specimen_unet.domain.events import Preview, StepDone, Validated, Warned
from specimen_unet.engine.cautions import NO_NUMBER, cautions
from specimen_unet.engine.devices import memory_errors
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.loss_reading import LossReading
from specimen_unet.engine.model import Model
from specimen_unet.engine.networks import weights_of
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.prefetch import maker_beside
from specimen_unet.engine.pretrained import pretrained_weights
from specimen_unet.engine.preview import Previewer
from specimen_unet.engine.provenance import make_card
from specimen_unet.engine.saving import Saving
from specimen_unet.engine.schedule import make_schedule
from specimen_unet.engine.state import TrainingState
from specimen_unet.engine.stopwatch import Stopwatch
from specimen_unet.engine.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import torch

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.events import CheckpointSaved, Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.patches import Batch
    from specimen_unet.engine.validation import Scores

_ADVICE = "Choose a smaller patch or batch, or close other programs."
_MOST_FAILED_STEPS = 5
# While paused, flags are looked at this often.
_PAUSE_SECONDS = 0.1
# A stopped training that was never validated is, if that takes no longer.
_CHEAP_SECONDS = 15.0


class Course:
    """One training from where it begins, or was left, to its model.

    Parameters
    ----------
    cases : sequence of Case
        Those of the plan.
    plan : Plan
        What was decided.
    device : torch.device
        Where to train.
    control : Control
        What a person asks for.
    folder : Path or None
        Where checkpoints are kept.
    start : Model or None
        What is fine-tuned.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        plan: Plan,
        device: torch.device,
        control: Control,
        folder: Path | None,
        start: Model | None,
    ) -> None:
        self._watch = Stopwatch()
        self._cases = cases
        self._plan = plan
        self._device = device
        self._control = control
        self._patches = Patches(cases, plan, device)
        self._validation = Validation(cases, plan, device)
        self._schedule = make_schedule(plan, self._validation.cost)
        self._state = TrainingState(parent=start.name if start else None)
        with memory_errors(_ADVICE):
            weights = weights_of(start.network) if start else None
            self._learner = Learner(plan, device, weights)
        self._saving = Saving(folder, plan)
        self._previewer = Previewer(cases, plan, device)
        self._reading = LossReading(device)
        self._shown_loss = math.nan

    def resume(self) -> None:
        """Go back to where the checkpoint was saved, if there is one.

        Raises
        ------
        RunFolderError
            If it is damaged or belongs to another plan.
        """
        state = self._saving.restore(self._learner)
        if state is not None:
            self._state = state
            self._watch = Stopwatch(state.seconds)
            self._schedule = make_schedule(
                self._plan, self._validation.cost, state.stretch
            )

    def run(self) -> Iterator[Event]:
        """Train until it is over or stopped; leave the thread that makes patches."""
        is_new = self._state.step == 0 and self._state.parent is None
        if is_new and self._plan.pretrained:
            self._learner.start_from(pretrained_weights(self._plan))
        made = maker_beside(self._device)
        with made(self._patches.batch, self._state.step) as next_batch:
            try:
                yield from self._learn(next_batch)
            except GeneratorExit:
                if self._learner.is_sound:
                    self._saving.save(self._learner, self._state)
                raise
        if self._control.is_stopped and self._is_worth_a_validation():
            scores = self._scores(lambda: False)
            if scores is not None:
                yield self._validated(scores)
        yield from self._save()

    def model(self) -> Model:
        """Return the model as it is now."""
        card = make_card(self._cases, self._plan, self._state)
        return Model(self._learner.result(), card)

    def _learn(self, next_batch: Callable[[], Batch]) -> Iterator[Event]:
        """Make steps; whatever is due in between is done before the next one.

        So a training that was left anywhere finds what is due when it is resumed.
        """
        while True:
            self._schedule.update(self._state)
            yield from self._validate_if_due()
            if self._control.is_stopped or self._schedule.is_over(self._state):
                return
            if self._saving.is_due(self._state):
                yield from self._save()
            yield from self._show_preview()
            yield from self._wait_while_paused()
            yield from self._step(next_batch)

    def _step(self, next_batch: Callable[[], Batch]) -> Iterator[Event]:
        """Learn from one batch."""
        state, start = self._state, self._watch.seconds
        rate = self._plan.learning_rate * self._schedule.rate_factor(state)
        with memory_errors(_ADVICE):
            batch = next_batch()
            loss = None
            if batch.is_annotated:
                learnt = self._learner.learn(batch, rate, state.step)
                loss = self._reading.read(learnt)
        state.step += 1
        for message in cautions(batch, self._learner):
            yield from self._warn_once(message)
        if loss is not None:
            yield from self._note_loss(loss)
        self._note_time(start)
        yield StepDone(
            step=state.step,
            loss=self._shown_loss,
            learning_rate=rate,
            progress=self._schedule.progress(state),
            seconds=state.seconds,
            seconds_left=self._schedule.seconds_left(state),
        )

    def _note_loss(self, loss: float) -> Iterator[Warned]:
        """Show the loss of a step; one that is no number may end the training."""
        state = self._state
        if math.isfinite(loss):
            self._shown_loss = loss
            state.failed_steps = 0
            return
        state.failed_steps += 1
        # Elsewhere the weights were changed before anybody could see the loss.
        is_skipped = self._device.type == "cpu" or self._plan.precision == "float16"
        if not is_skipped or state.failed_steps > _MOST_FAILED_STEPS:
            raise self._diverged()
        yield from self._warn_once(NO_NUMBER)

    def _warn_once(self, message: str) -> Iterator[Warned]:
        """Warn, unless the same was said before."""
        if message not in self._state.told:
            self._state.told.append(message)
            yield Warned(message)

    def _note_time(self, start: float) -> None:
        """Keep a running mean of what a step takes; the first one is never typical."""
        state = self._state
        state.seconds = self._watch.seconds
        taken = state.seconds - start
        if state.step_seconds is None or state.step == 2:
            state.step_seconds = taken
        state.step_seconds += 0.1 * (taken - state.step_seconds)

    def _validate_if_due(self) -> Iterator[Event]:
        """Score the smoothed weights; a pause interrupts it, and it is done again."""
        while self._is_validation_due() and not self._control.is_stopped:
            scores = self._scores(
                lambda: self._control.is_stopped or self._control.is_paused
            )
            if scores is not None:
                yield self._validated(scores)
            yield from self._wait_while_paused()

    def _is_validation_due(self) -> bool:
        state, schedule = self._state, self._schedule
        is_new = self._validation.is_possible and state.validated_step < state.step
        return is_new and (schedule.is_over(state) or schedule.is_validation_due(state))

    def _is_worth_a_validation(self) -> bool:
        """Tell whether a training that is stopped has no score, but could soon."""
        state = self._state
        is_first = self._validation.is_possible and state.validated_step == 0
        seconds = self._schedule.validation_seconds(state)
        return is_first and state.step > 0 and seconds <= _CHEAP_SECONDS

    def _scores(self, is_interrupted: Callable[[], bool]) -> Scores | None:
        """Validate, and note how long it took; None if it was interrupted."""
        start = self._watch.seconds
        work = self._validation.scoring(self._learner.smoothed)
        while not is_interrupted():
            try:
                with memory_errors(_ADVICE):
                    next(work)
            except StopIteration as end:
                self._state.validation_seconds = self._watch.seconds - start
                scores: Scores = end.value
                return scores
        work.close()
        return None

    def _validated(self, scores: Scores) -> Validated:
        """Take note of scores; the best weights are kept, or those at the end."""
        state, best = self._state, self._state.best
        state.seconds = self._watch.seconds
        metrics = scores.metrics(state.step, self._plan)
        if state.note_scores(metrics, is_end=self._schedule.is_over(state)):
            self._learner.keep()
        return Validated(
            step=state.step,
            mean_dice=scores.mean_dice,
            mean_iou=scores.mean_iou,
            dice=scores.dice,
            iou=scores.iou,
            by_observer=scores.by_observer,
            loss=scores.loss,
            is_best=metrics.is_above(best),
        )

    def _save(self) -> list[CheckpointSaved]:
        """Save a checkpoint unless this very state is saved; never a broken one."""
        if not self._learner.is_sound:
            raise self._diverged()
        return self._saving.save(self._learner, self._state)

    def _diverged(self) -> TrainingDivergedError:
        saved = self._saving.saved_step
        kept = "" if saved is None else f" The checkpoint after step {saved} is kept."
        return TrainingDivergedError(
            f"After step {self._state.step} the loss is no longer a number. Train "
            f"again with a learning rate below {self._plan.learning_rate:g}.{kept}"
        )

    def _wait_while_paused(self) -> Iterator[Event]:
        """Save, and wait as long as the person wants."""
        if not self._control.is_paused:
            return
        yield from self._save()
        with self._watch.halted():
            while not self._control.wait_while_paused(_PAUSE_SECONDS):
                yield from self._show_preview()

    def _show_preview(self) -> Iterator[Event]:
        """Segment the slice that was asked for, if any."""
        request = self._control.take_preview()
        if request is None:
            return
        start = perf_counter()
        with memory_errors(_ADVICE):
            shown = self._previewer.preview(
                request, self._learner.smoothed, self._state.step
            )
        if isinstance(shown, Preview):
            # Not by the stopwatch, which stands still in a pause.
            shown = replace(shown, seconds=perf_counter() - start)
        yield shown
