from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox

from specimen_unet.domain.overlap import ADDED, MISSED, compare, compare_slices
from specimen_unet.viewer.provenance import kind_of_layer, mark_layer
from specimen_unet.widgets.compare_dock import CompareDock

if TYPE_CHECKING:
    from collections.abc import Callable

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def viewer(two_observer_cases):
    """A viewer with an image, two observers and a prediction, in 2D and in 3D."""
    viewer = ViewerModel()
    fill(viewer, two_observer_cases[0])
    return viewer


def fill(viewer, case) -> None:
    frame = {
        "scale": case.grid.spacing,
        "units": [case.grid.unit] * case.grid.dimensions,
    }
    viewer.add_image(case.image[0], name="032", **frame)
    for observer, drawn in case.labels.items():
        viewer.add_labels(drawn.copy(), name=observer, **frame)
    predicted = np.roll(case.labels["EA"], 2, axis=-1)
    model = viewer.add_labels(predicted, name="032 - tumour", **frame)
    mark_layer(model, "segmentation")
    model.features = {"index": [0, 1], "label": ["background", "tumour"]}


@pytest.fixture
def open_dock(qtbot) -> Callable[..., CompareDock]:
    # Kept until Qt has closed them: garbage that is still painted is a crash.
    docks = []

    def open_dock(viewer) -> CompareDock:
        dock = CompareDock(viewer)
        docks.append(dock)
        qtbot.addWidget(dock.native)
        dock.native.resize(380, 800)
        dock.native.show()
        settle(qtbot, dock)
        return dock

    return open_dock


def settle(qtbot, dock: CompareDock) -> None:
    """Wait until the dock shows what the layers hold."""
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=10_000)


def shown(dock: CompareDock, row: int, column: int) -> str:
    return dock.scores.table.item(row, column).text()


def titles(dock: CompareDock) -> list[str]:
    table = dock.scores.table
    return [
        shown(dock, row, 0)
        for row in range(table.rowCount())
        if table.columnSpan(row, 0) > 1
    ]


def test_it_opens_with_the_model_against_every_observer(viewer, open_dock):
    dock = open_dock(viewer)
    assert titles(dock) == [
        "Prediction against EA",
        "Prediction against MG",
        "EA against MG",
    ]
    truth = viewer.layers["MG"].data
    dice = compare(viewer.layers["032 - tumour"].data, truth)["dice"].item()
    assert shown(dock, 3, 0) == "tumour"
    assert shown(dock, 3, 1) == f"{dice:.3f}"
    assert not dock.problem.value
    assert not dock.remarks.value


def test_painting_changes_the_table_and_no_layer(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    layer = viewer.layers["EA"]
    others = {name: viewer.layers[name].data.copy() for name in ("MG", "032 - tumour")}
    before = shown(dock, 1, 1)
    layer.brush_size = 12
    layer.paint(tuple(size // 2 for size in layer.data.shape), 0)
    qtbot.waitUntil(lambda: shown(dock, 1, 1) != before)
    settle(qtbot, dock)
    dice = compare(viewer.layers["032 - tumour"].data, layer.data)["dice"].item()
    assert shown(dock, 1, 1) == f"{dice:.3f}"
    for name, data in others.items():
        np.testing.assert_array_equal(viewer.layers[name].data, data)
    layer.undo()
    qtbot.waitUntil(lambda: shown(dock, 1, 1) == before)


def test_the_curves_are_dice_by_slice(viewer, open_dock):
    dock = open_dock(viewer)
    if viewer.layers["EA"].ndim == 2:
        assert dock.slices.plot.sentence == "A 2D image has no slices to plot."
        return
    assert dock.slices.plot.curve_names == ["EA", "MG", "EA / MG"]
    viewer.dims.set_current_step(0, 4)
    slices = compare_slices(
        viewer.layers["032 - tumour"].data, viewer.layers["EA"].data
    )
    dice = slices.set_index("slice")["dice"][4]
    assert dock.slices.plot.reading.startswith(f"Slice 4: EA {dice:.3f} · MG ")


def test_only_labels_of_the_image_that_was_segmented_are_ticked(
    viewer, open_dock, qtbot
):
    case_of = {name: viewer.layers[name].data for name in ("032", "EA", "032 - tumour")}
    viewer.layers["EA"].name, viewer.layers["MG"].name = "032_EA", "032_MG"
    viewer.add_image(case_of["032"], name="other")
    viewer.add_labels(case_of["EA"], name="other_EA")
    # By its name alone this one would be 032's.
    newer = viewer.add_labels(case_of["032 - tumour"], name="other - 032")
    mark_layer(newer, "segmentation", image="other")
    dock = open_dock(viewer)
    assert titles(dock) == ["Prediction against other_EA"]
    dock.choose_prediction(viewer.layers["032 - tumour"])
    settle(qtbot, dock)
    assert titles(dock)[:2] == [
        "Prediction against 032_EA",
        "Prediction against 032_MG",
    ]


def test_unticking_an_observer_takes_its_scores_away(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    observers = dock.choices.truths
    place = observers.visualItemRect(observers.item(1)).center()
    QTest.mouseClick(observers.viewport(), LEFT, PLAIN, place)
    settle(qtbot, dock)
    assert titles(dock) == ["Prediction against EA"]


def test_zero_may_mean_not_annotated(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    dock.choices.annotation.value = "painted"
    settle(qtbot, dock)
    # The only label that is painted then means background: nothing to compare.
    assert shown(dock, 1, 1) == "–"


def test_wrong_layers_are_told_in_place_of_results(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    for observer in ("EA", "MG"):
        viewer.layers[observer].data = np.zeros_like(viewer.layers[observer].data)
    settle(qtbot, dock)
    assert "Nothing is painted in 'EA' yet" in dock.problem.value
    assert dock.problem.visible
    assert not dock.scores.isVisible()
    assert not dock.slices.isVisible()
    viewer.layers["MG"].data = viewer.layers["032 - tumour"].data.copy()
    settle(qtbot, dock)
    assert not dock.problem.visible
    assert titles(dock) == ["Prediction against MG"]
    assert "Nothing is painted in 'EA' yet" in dock.remarks.value


def test_an_empty_viewer_says_what_to_do_and_fills_when_layers_come(
    open_dock, qtbot, two_observer_cases
):
    viewer = ViewerModel()
    dock = open_dock(viewer)
    assert "There is no labels layer yet" in dock.problem.value
    fill(viewer, two_observer_cases[0])
    settle(qtbot, dock)
    assert dock.scores.isVisible()


def test_layers_may_be_renamed_and_removed(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    viewer.layers["EA"].name = "Eva"
    settle(qtbot, dock)
    assert titles(dock)[0] == "Prediction against Eva"
    viewer.layers.remove("MG")
    settle(qtbot, dock)
    assert titles(dock) == ["Prediction against Eva"]
    viewer.layers.remove("032 - tumour")
    settle(qtbot, dock)
    assert "Tick the ground truth" in dock.problem.value
    viewer.layers.remove("Eva")
    settle(qtbot, dock)
    assert "There is no labels layer yet" in dock.problem.value


def test_the_error_layer_follows_the_brush(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.errors.button, LEFT)
    settle(qtbot, dock)
    errors = viewer.layers[-1]
    assert errors.name == "errors: 032 - tumour against EA"
    corner = (0,) * errors.ndim
    assert errors.data[corner] == 0
    viewer.layers["EA"].data[corner] = 1
    viewer.layers["EA"].refresh()
    qtbot.waitUntil(lambda: errors.data[corner] == MISSED)
    viewer.layers["032 - tumour"].data[corner] = 2
    viewer.layers["EA"].data[corner] = 0
    viewer.layers["EA"].refresh()
    qtbot.waitUntil(lambda: errors.data[corner] == ADDED)


def test_the_error_layer_is_no_choice_and_may_be_removed(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.errors.button, LEFT)
    settle(qtbot, dock)
    errors = viewer.layers[-1]
    assert kind_of_layer(errors) == "errors"
    assert errors not in dock.choices.prediction.choices
    assert errors not in dock.choices.truths.layers
    assert len(titles(dock)) == 3
    viewer.layers.remove(errors)
    viewer.layers["EA"].refresh()
    settle(qtbot, dock)
    assert [kind_of_layer(layer) for layer in viewer.layers].count("errors") == 0


def test_the_table_is_copied_with_full_names(viewer, open_dock):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.scores.export.copy_button, LEFT)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["first", "second"]
    assert lines[1].split("\t")[:2] == ["032 - tumour", "EA"]
    assert len(lines) == 4


def test_the_table_is_saved_where_the_person_says(viewer, open_dock, tmp_path, qtbot):
    dock = open_dock(viewer)

    def answer_dialog() -> None:
        dialog = QApplication.activeModalWidget()
        dialog.selectFile(str(tmp_path / "scores"))
        buttons = dialog.findChild(QDialogButtonBox)
        QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Save), LEFT)

    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    QTimer.singleShot(300, answer_dialog)
    QTest.mouseClick(dock.scores.export.save_button, LEFT)
    saved = pd.read_csv(tmp_path / "scores.csv")
    assert saved["second"].tolist() == ["EA", "MG", "MG"]
    assert list(tmp_path.iterdir()) == [tmp_path / "scores.csv"]


def test_choosing_a_prediction_from_outside(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    dock.choose_prediction(viewer.layers["MG"])
    settle(qtbot, dock)
    assert titles(dock)[0] == "Prediction against EA"


def test_a_closed_dock_leaves_the_viewer_alone(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    before = shown(dock, 1, 1)
    dock._release()
    viewer.layers["EA"].data = np.zeros_like(viewer.layers["EA"].data)
    viewer.layers.remove("MG")
    qtbot.wait(150)
    assert shown(dock, 1, 1) == before
    assert not dock.is_busy


@pytest.mark.viewer
def test_a_walk_through_the_dock(make_napari_viewer_proxy, qtbot, make_blob_case):
    viewer = make_napari_viewer_proxy(show=True)
    fill(viewer, make_blob_case((8, 32, 32), observers=("EA", "MG")))
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Compare")
    settle(qtbot, dock)
    assert titles(dock)[0] == "Prediction against EA"

    # A voxel is painted with the brush: the table changes.
    layer = viewer.layers["EA"]
    before = shown(dock, 1, 4)
    layer.brush_size = 1
    layer.paint((4, 1, 1), 1)
    qtbot.waitUntil(lambda: shown(dock, 1, 4) != before)

    # A click in the plot: the viewer moves, and the line with it.
    plot = dock.slices.plot
    QTest.mouseClick(plot.viewport, LEFT, PLAIN, plot.position_of(6))
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == 6)
    assert plot.mark == 6
    viewer.dims.set_current_step(0, 2)
    assert plot.mark == 2

    # Errors are shown on the prediction, and nothing else is added.
    QTest.mouseClick(dock.errors.button, LEFT)
    qtbot.waitUntil(lambda: len(viewer.layers) == 5)
    errors = list(viewer.layers)[-1]
    assert errors.data[4, 1, 1] == MISSED
    assert tuple(errors.scale) == tuple(layer.scale)
    settle(qtbot, dock)

    # The dock is closed: painting goes on, and nobody listens.
    viewer.window.remove_dock_widget(dock.native)
    layer.paint((4, 5, 5), 1)
    qtbot.wait(150)
    assert not dock.is_busy
    qtbot.addWidget(dock.native)
