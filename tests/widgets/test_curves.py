"""TrainingCurves: nothing empty is shown, and what is shown is what was told."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.events import StepDone, Validated
from specimen_unet.widgets.curves import TrainingCurves, smoothed

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def step(number: int, loss: float) -> StepDone:
    return StepDone(number, loss, 1e-3, 0.1, 0.1, 60.0)


def validated(number: int, dice: float, **observers: float) -> Validated:
    return Validated(number, dice, dice, {1: dice}, {1: dice}, observers, 0.5, True)


@pytest.fixture
def curves(qtbot: QtBot) -> TrainingCurves:
    curves = TrainingCurves("dark")
    qtbot.addWidget(curves)
    curves.show()
    return curves


def names(plot: object) -> list[str]:
    return [item.name() for item in plot.listDataItems()]


def test_an_empty_plot_is_never_shown(curves: TrainingCurves, qtbot: QtBot) -> None:
    curves.add([step(1, 0.9), validated(1, math.nan)])
    qtbot.wait(400)
    assert not curves.loss_plot.isVisibleTo(curves)
    assert not curves.dice_plot.isVisibleTo(curves)


def test_the_loss_is_drawn_over_the_steps(curves: TrainingCurves, qtbot: QtBot) -> None:
    curves.add(step(number, 1 / number) for number in range(1, 6))
    qtbot.waitUntil(lambda: curves.loss_plot.isVisibleTo(curves))
    raw = curves.loss_plot.listDataItems()[0]
    np.testing.assert_array_equal(raw.getOriginalDataset()[0], [1, 2, 3, 4, 5])
    np.testing.assert_allclose(
        raw.getOriginalDataset()[1], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    )
    assert names(curves.loss_plot) == ["each step", "smoothed"]
    assert not curves.dice_plot.isVisibleTo(curves)


def test_a_loss_that_is_no_number_leaves_the_smoothed_curve_whole() -> None:
    found = smoothed(np.array([1.0, math.nan, 3.0, 3.0]), weight=0.5)
    assert found[0] == found[1] == 1
    assert 2 < found[2] < found[3] < 3


def test_drawing_imports_nothing_that_would_hold_the_viewer_up() -> None:
    program = """
import sys
import numpy as np
from napari.layers import Image
from specimen_unet.widgets.curves import smoothed
Image(np.zeros((4, 4)))
before = set(sys.modules)
smoothed(np.ones(5))
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.split()) < 20, done.stdout


def test_every_observer_has_a_dice_curve(curves: TrainingCurves, qtbot: QtBot) -> None:
    curves.add([validated(10, 0.5, EA=0.4, MG=0.6), validated(20, 0.7, EA=0.7, MG=0.7)])
    qtbot.waitUntil(lambda: curves.dice_plot.isVisibleTo(curves))
    assert names(curves.dice_plot) == ["held-out labels", "EA", "MG"]
    assert list(curves.dice_plot.listDataItems()[0].getOriginalDataset()[1]) == [
        0.5,
        0.7,
    ]


def test_a_single_observer_is_the_mean_and_drawn_once(
    curves: TrainingCurves, qtbot: QtBot
) -> None:
    curves.add([validated(10, 0.5, EA=0.5)])
    qtbot.waitUntil(lambda: curves.dice_plot.isVisibleTo(curves))
    assert names(curves.dice_plot) == ["held-out labels"]


def test_cleared_it_shows_nothing(curves: TrainingCurves, qtbot: QtBot) -> None:
    curves.add(step(number, 0.5) for number in range(3))
    qtbot.waitUntil(lambda: curves.loss_plot.isVisibleTo(curves))
    curves.clear()
    assert not curves.isVisible()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_is_drawn_in_the_theme(curves: TrainingCurves, theme: str) -> None:
    curves.set_theme(theme)
    ground = curves.loss_plot.backgroundBrush().color().lightness()
    ink = curves.loss_plot.getAxis("left").textPen().color().lightness()
    assert abs(ground - ink) > 100


def test_smoothing_keeps_a_constant_and_follows_a_change() -> None:
    np.testing.assert_allclose(smoothed(np.full(50, 0.3)), 0.3)
    jump = smoothed(np.r_[np.zeros(200), np.ones(200)])
    assert jump[0] == 0
    assert 0 < jump[210] < 1
    assert jump[-1] == pytest.approx(1, abs=1e-3)


def test_the_smoothed_curve_of_a_short_training_does_not_lag_behind() -> None:
    falling = np.linspace(1.6, 0.6, 60)
    assert smoothed(falling)[-1] - falling[-1] < 0.1
