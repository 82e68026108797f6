"""TrainingView, ResultView, ResumeChoice: what is shown during and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from specimen_unet.domain.events import (
    CheckpointSaved,
    PlanReady,
    StepDone,
    Validated,
    Warned,
)
from specimen_unet.widgets.training_view import TrainingView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.plan import Plan


@pytest.fixture
def view(qtbot: QtBot) -> TrainingView:
    view = TrainingView("dark")
    qtbot.addWidget(view.native)
    view.native.show()
    view.begin("032-3d")
    return view


def validated(dice: float, *, is_best: bool = True, **observers: float) -> Validated:
    return Validated(10, dice, dice, {1: dice}, {1: dice}, observers, 0.5, is_best)


def click(qtbot: QtBot, button: Any) -> None:
    qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)


def test_it_shows_the_plan_then_step_loss_and_time_left(
    view: TrainingView, a_plan: Plan, qtbot: QtBot
) -> None:
    view.hear(PlanReady(a_plan))
    assert view.title.value == "3D UNet on CPU (2 cores)"
    assert view.caution.value == a_plan.split.caution
    view.hear(StepDone(1200, 0.4321, 1e-3, 0.4, 0.1, 200.0))
    qtbot.waitUntil(lambda: view.progress.value == 400)
    assert view.status.value == "Step 1,200 · loss 0.432 · 3 min 20 s left"


def test_the_score_names_every_observer_and_the_best(view: TrainingView) -> None:
    view.hear(validated(0.876, EA=0.88, MG=0.872))
    view.hear(validated(0.5, is_best=False, EA=0.5, MG=0.5))
    assert view.score.value == (
        "Dice on held-out labels: 0.50, best 0.88\nEA 0.50, MG 0.50"
    )


def test_an_undefined_score_is_no_number(view: TrainingView) -> None:
    view.hear(validated(math.nan))
    assert "no label" in view.score.value


def test_pause_and_go_on_are_one_button(view: TrainingView, qtbot: QtBot) -> None:
    asked: list[str] = []
    view.paused.connect(lambda: asked.append("pause"))
    view.resumed.connect(lambda: asked.append("go on"))
    view.hear(StepDone(5, 0.4, 1e-3, 0.4, 0.1, 200.0))
    click(qtbot, view.pause)
    assert view.pause.text == "Go on"
    view.hear(CheckpointSaved(5, "x"))
    assert view.status.value == "Paused at step 5, and saved."
    click(qtbot, view.pause)
    assert asked == ["pause", "go on"]
    assert view.pause.text == "Pause"


def test_before_the_first_step_there_is_nothing_to_pause(
    view: TrainingView,
) -> None:
    assert not view.pause.native.isEnabled()
    assert view.stop.native.isEnabled()


def test_stop_is_asked_once(view: TrainingView, qtbot: QtBot) -> None:
    asked: list[str] = []
    view.stopped.connect(lambda: asked.append("stop"))
    click(qtbot, view.stop)
    click(qtbot, view.stop)
    view.hear(StepDone(5, 0.4, 1e-3, 0.4, 0.1, 200.0))
    qtbot.wait(300)
    assert asked == ["stop"]
    assert view.status.value.startswith("Stopping")


def test_a_warning_is_shown(view: TrainingView) -> None:
    view.hear(Warned("Two images are nearly the same."))
    assert view.warning.value == "Two images are nearly the same."
    assert view.warning.visible


def test_a_resumed_training_shows_what_it_told_before(
    view: TrainingView, qtbot: QtBot
) -> None:
    steps = [StepDone(n, 1 / n, 1e-3, n / 10, 0.1, 9.0) for n in range(1, 5)]
    view.begin("032-3d", [*steps, validated(0.7)])
    qtbot.waitUntil(lambda: view.curves.loss_plot.isVisibleTo(view.curves))
    assert "0.70" in view.score.value


def test_at_the_end_the_curves_stay_and_the_buttons_go(
    view: TrainingView, qtbot: QtBot
) -> None:
    view.hear(StepDone(1, 0.4, 1e-3, 0.4, 0.1, 200.0))
    view.hear(StepDone(2, 0.4, 1e-3, 0.4, 0.1, 200.0))
    qtbot.waitUntil(lambda: view.curves.isVisible())
    view.end("Finished.")
    assert view.status.value == "Finished."
    assert view.curves.isVisible()
    assert not view.stop.native.isVisible()
