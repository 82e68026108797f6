"""A training under way: how far it is, how it learns, and how to end it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, ProgressBar, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QTimer

from specimen_unet.domain.events import (
    CheckpointSaved,
    Event,
    PlanReady,
    StepDone,
    Validated,
    Warned,
)
from specimen_unet.widgets.amounts import count_text, time_text
from specimen_unet.widgets.curves import TrainingCurves
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.plan_view import plan_title

if TYPE_CHECKING:
    from collections.abc import Iterable

_REDRAW_MS = 200
_PARTS = 1000
_PAUSE, _GO_ON = "Pause", "Go on"


class TrainingView(Container[Widget]):
    """Shows what a training tells, and asks it to pause, go on or stop.

    Attributes
    ----------
    paused, resumed, stopped : Signal
        What a person asked for.
    """

    paused = Signal()
    resumed = Signal()
    stopped = Signal()

    def __init__(self, theme: str) -> None:
        super().__init__(labels=False, name="training")
        self.title = Note("training_title", tooltip="What is trained, and where")
        self.title.native.setStyleSheet("font-weight: bold;")
        self.progress = ProgressBar(
            name="progress", min=0, max=_PARTS, tooltip="How much of it is done"
        )
        self.status = Note("training_status", tooltip="Step, loss and time left")
        self.score = Note("score", tooltip="Agreement with labels not learnt from")
        self.caution = Note("score_caution", "caution")
        self.warning = Note("training_warning", "caution")
        self.curves = TrainingCurves(theme)
        self.pause = PushButton(
            name="pause", text=_PAUSE, tooltip="Save where it stands and wait"
        )
        self.stop = PushButton(
            name="stop", text="Stop and keep", tooltip="End now and keep the best model"
        )
        self._buttons = Container(
            widgets=[self.pause, self.stop], layout="horizontal", labels=False
        )
        chart: Container[Widget] = Container(labels=False, name="chart")
        chart.native.layout().addWidget(self.curves)
        self.extend([self.title, self.progress, self.status, self._buttons, chart])
        self.extend([self.score, self.caution, self.warning])
        self.margins = self._buttons.margins = chart.margins = (0, 0, 0, 0)
        self._redraw = QTimer(self.native)
        self._redraw.setInterval(_REDRAW_MS)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self.pause.changed.connect(self._pause_or_go_on)
        self.stop.changed.connect(self._stop)
        self.begin("")

    def begin(self, name: str, earlier: Iterable[Event] = ()) -> None:
        """Show a training from its start, or from what it told before."""
        self._last: StepDone | None = None
        self._best = math.nan
        self._is_paused = self._is_stopping = False
        self.title.tell(name)
        self.status.tell("Starting…" if name else "")
        for note in (self.score, self.caution, self.warning):
            note.tell("")
        self.curves.clear()
        self.progress.value = 0
        self.pause.text, self.pause.enabled = _PAUSE, False
        self.stop.enabled = True
        self._buttons.visible = self.progress.visible = True
        for event in earlier:
            self.hear(event)

    def hear(self, event: Event) -> None:
        """Show what the training tells."""
        if isinstance(event, PlanReady):
            self.title.tell(plan_title(event.plan))
            self.caution.tell(event.plan.split.caution)
            self.status.tell("Getting ready…")
        elif isinstance(event, Validated):
            self._show_score(event)
        elif isinstance(event, Warned):
            self.warning.tell(event.message)
        elif isinstance(event, CheckpointSaved) and self._is_paused:
            self.status.tell(f"Paused at step {count_text(event.step)}, and saved.")
        elif isinstance(event, StepDone):
            self._last = event
            self.pause.enabled = not self._is_stopping
            if not self._redraw.isActive():
                self._redraw.start()
        self.curves.add([event])

    def end(self, text: str) -> None:
        """Show that it is over; the curves stay, the result tells the score."""
        self._redraw.stop()
        self.score.tell("")
        self.caution.tell("")
        self._buttons.visible = self.progress.visible = False
        self.status.tell(text)

    def _draw(self) -> None:
        """Show the last step, a few times a second."""
        step = self._last
        if step is None or self._is_stopping:
            return
        self.progress.value = round(step.progress * _PARTS)
        left = time_text(max(step.seconds_left, 0.0))
        ending = "pausing…" if self._is_paused else f"{left} left"
        self.status.tell(
            f"Step {count_text(step.step)} · loss {step.loss:.3f} · {ending}"
        )

    def _show_score(self, event: Validated) -> None:
        if math.isnan(event.mean_dice):
            self.score.tell("The held-out part holds no label to be scored on.")
            return
        if event.is_best or math.isnan(self._best):
            self._best = event.mean_dice
        observers = ", ".join(
            f"{name} {dice:.2f}"
            for name, dice in event.by_observer.items()
            if not math.isnan(dice)
        )
        beside = f"\n{observers}" if len(event.by_observer) > 1 else ""
        scores = f"{event.mean_dice:.2f}, best {self._best:.2f}"
        self.score.tell(f"Dice on held-out labels: {scores}{beside}")

    def _pause_or_go_on(self, _: Any = None) -> None:
        self._is_paused = not self._is_paused
        self.pause.text = _GO_ON if self._is_paused else _PAUSE
        if self._is_paused:
            self.status.tell("Pausing after this step…")
            self.paused.emit()
        else:
            self.status.tell("Going on…")
            self.resumed.emit()

    def _stop(self, _: Any = None) -> None:
        self._is_stopping = True
        self.pause.enabled = self.stop.enabled = False
        self.status.tell("Stopping: the best model so far is being saved…")
        self.stopped.emit()
