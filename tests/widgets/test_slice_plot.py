from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from specimen_unet.viewer import samples
from specimen_unet.widgets import curves, slice_plot
from specimen_unet.widgets.slice_plot import Curve, SlicePlot


@pytest.fixture
def plot(qtbot):
    plot = SlicePlot()
    qtbot.addWidget(plot)
    plot.resize(360, 280)
    plot.show_curves(
        [
            Curve("EA", np.array([np.nan, 0.5, 0.9, 0.25, np.nan])),
            Curve("EA / <MG>", np.full(5, 0.9), dashed=True),
        ]
    )
    plot.show()
    qtbot.waitExposed(plot)
    return plot


@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_click_tells_the_nearest_slice(plot, qtbot, index):
    with qtbot.waitSignal(plot.slice_clicked) as told:
        QTest.mouseClick(
            plot.viewport,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            plot.position_of(index),
        )
    assert told.args == [index]


def test_the_mark_reads_the_scores_of_its_slice(plot):
    plot.mark_slice(3)
    assert plot.mark == 3
    assert plot.reading == "Slice 3: EA 0.250 · EA / <MG> 0.900"
    plot.mark_slice(4)
    assert plot.reading == "Slice 4: EA – · EA / <MG> 0.900"
    plot.mark_slice(None)
    assert "Click" in plot.reading


def test_the_curves_of_the_samples_observers_have_the_colours_of_their_outlines():
    outlines = list(samples.COLOURS.values())
    assert list(slice_plot.COLOURS[: len(outlines)]) == outlines
    assert list(curves._OBSERVERS[: len(outlines)]) == outlines


def test_a_sentence_takes_the_place_of_an_empty_plot(plot):
    plot.show_sentence("A 2D image has no slices to plot.")
    assert plot.curve_names == []
    assert plot.sentence == "A 2D image has no slices to plot."
    assert not plot.viewport.isVisible()
    plot.show_curves([Curve("MG", np.ones(3))])
    assert plot.sentence == ""
    assert plot.viewport.isVisible()


def test_without_curves_a_click_goes_nowhere(plot, qtbot):
    plot.show_sentence("Nothing yet.")
    with qtbot.assertNotEmitted(plot.slice_clicked, wait=100):
        QTest.mouseClick(plot.viewport, Qt.MouseButton.LeftButton)
