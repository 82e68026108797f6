"""The docks ask what files leave open, and take the answer."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Layer

from specimen_unet.domain.grid import Grid
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.reader import read_layers
from specimen_unet.widgets.question_panel import QuestionPanel


@pytest.fixture
def viewer(tmp_path):
    """Return a viewer with a stack that says nothing of itself."""
    stack = np.random.default_rng(0).integers(0, 255, (4, 8, 9), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "032.tif", stack, photometric="minisblack", metadata=None
    )
    viewer = ViewerModel()
    for data in read_layers(str(tmp_path / "032.tif")):
        viewer.add_layer(Layer.create(*data))
    return viewer


@pytest.fixture
def panel(viewer, qtbot):
    panel = QuestionPanel(viewer)
    qtbot.addWidget(panel.native)
    panel.show()
    return panel


def test_one_question_is_asked_after_the_other(panel, viewer):
    assert "does not say for certain what its 4 pages are" in panel.text.value
    assert panel.choice.visible
    panel.reset_choices()  # as napari does whenever a layer comes or goes
    assert panel.choice.value == "slices"
    assert not panel.spacing.visible
    panel.leave.changed.emit(True)
    assert "does not say what a voxel measures" in panel.text.value
    assert panel.spacing.visible
    assert panel.spacing.value == "1 1 1 pixel"
    panel.spacing.value = "2 0.5 0.5 mm"
    heard = []
    panel.answered.connect(lambda: heard.append(1))
    panel.answer.changed.emit(True)
    assert heard
    assert grid_of_layer(viewer.layers[0]) == Grid((2, 0.5, 0.5), "mm")
    assert not panel.text.visible
    assert not panel.answer.visible


def test_without_a_question_it_takes_no_room(qtbot):
    panel = QuestionPanel(ViewerModel())
    qtbot.addWidget(panel.native)
    panel.show()
    for control in (panel.text, panel.spacing, panel.choice, panel.answer, panel.leave):
        assert not control.native.isVisible()


def test_what_is_left_in_one_dock_is_not_asked_in_another(panel, viewer, qtbot):
    other = QuestionPanel(viewer)
    qtbot.addWidget(other.native)
    panel.leave.changed.emit(True)
    assert other.text.value == panel.text.value
    assert "does not say what a voxel measures" in other.text.value


def test_what_is_no_answer_is_told_beside_it(panel):
    panel.leave.changed.emit(True)
    panel.spacing.value = "wide"
    panel.answer.changed.emit(True)
    assert "'wide' is no answer: give 3 positive numbers" in panel.problem.value
    assert panel.spacing.visible


def test_another_choice_reads_the_file_again(panel, viewer):
    panel.choice.value = "channels"
    panel.answer.changed.emit(True)
    assert len(viewer.layers) == 4
    assert "does not say what a voxel measures" in panel.text.value


def test_layers_that_are_closed_are_asked_about_no_more(panel, viewer):
    viewer.layers.clear()
    assert not panel.text.visible
