from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox

from specimen_unet.widgets.measure_dock import MeasureDock

if TYPE_CHECKING:
    from collections.abc import Callable

LEFT = Qt.MouseButton.LeftButton
MM = {"scale": (1.0, 0.5, 0.5), "units": ["mm"] * 3}
NAMES = {"index": [1, 2], "label": ["specimen", "tumour"]}


def body() -> np.ndarray:
    """Draw a specimen, 1, around a tumour, 2, that lies 1.5 mm below its surface."""
    labels = np.zeros((20, 40, 40), np.uint8)
    labels[4:16, 5:35, 5:35] = 1
    labels[8:12, 8:18, 15:25] = 2
    return labels


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(0).random((20, 40, 40)), name="032", **MM)
    viewer.add_labels(body(), name="EA", features=NAMES, **MM)
    return viewer


@pytest.fixture
def open_dock(qtbot) -> Callable[..., MeasureDock]:
    docks = []

    def open_dock(viewer) -> MeasureDock:
        dock = MeasureDock(viewer)
        docks.append(dock)
        qtbot.addWidget(dock.native)
        dock.native.resize(380, 800)
        dock.native.show()
        settle(qtbot, dock)
        return dock

    return open_dock


def settle(qtbot, dock: MeasureDock) -> None:
    """Wait until the dock shows what the layers hold."""
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=10_000)


def row(dock: MeasureDock, number: int) -> list[str]:
    table = dock.sizes.table
    return [table.item(number, column).text() for column in range(table.columnCount())]


def test_it_opens_with_sizes_in_millimetres_and_the_margin(viewer, open_dock):
    dock = open_dock(viewer)
    table = dock.sizes.table
    headers = [table.horizontalHeaderItem(column).text() for column in range(1, 5)]
    assert headers == [
        "Volume\nmm³",
        "Surface\nmm²",
        "Largest Ø\nmm",
        "Ball Ø\nmm",
    ]
    assert row(dock, 1)[:2] == ["tumour", "100"]
    assert row(dock, 1)[4] == f"{(6 * 100 / np.pi) ** (1 / 3):.1f}"
    choices = dock.margin.choices
    assert choices.specimen.currentText() == "specimen"
    assert choices.tumour.currentText() == "tumour"
    assert choices.threshold.text() == "2.00 mm"
    told = dock.margin.result.value
    assert told.startswith("The margin is 1.5 mm at its narrowest: z ")
    assert ", y 5, x " in told
    assert "lie closer than 2 mm." in told
    assert not dock.problem.visible
    assert not dock.margin.remarks.visible


def test_another_threshold_changes_the_area_at_once(viewer, open_dock):
    dock = open_dock(viewer)
    area = dock.margin.measured.margin.area_under(1.0)
    assert area == 0
    dock.margin.choices.threshold.setValue(1.0)
    assert " 0 mm² of " in dock.margin.result.value
    assert "(0 %) lie closer than 1 mm." in dock.margin.result.value


def test_the_numbers_follow_the_brush_and_no_layer_is_changed(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    layer = viewer.layers["EA"]
    layer.brush_size = 1
    layer.paint((9, 7, 20), 2)
    qtbot.waitUntil(lambda: dock.sizes.table.values.loc[1, "voxels"] == 401)
    settle(qtbot, dock)
    assert dock.margin.measured.margin.least < 1.5
    expected = body()
    expected[9, 7, 20] = 2
    np.testing.assert_array_equal(layer.data, expected)


def test_a_specimen_that_is_drawn_later_is_taken(viewer, open_dock, qtbot):
    data = viewer.layers["EA"].data
    viewer.layers["EA"].features = pd.DataFrame({"index": [2], "label": ["tumour"]})
    viewer.layers["EA"].data = np.where(data == 2, data, 0)
    dock = open_dock(viewer)
    assert "which label is the specimen" in dock.margin.problem.value
    assert not dock.margin.go_button.isVisible()
    tissue = viewer.add_labels(np.zeros_like(data), name="tissue", **MM)
    settle(qtbot, dock)
    tissue.data = (data > 0).astype(np.uint8)
    settle(qtbot, dock)
    assert dock.margin.choices.specimen.currentText() == "tissue"
    assert dock.margin.result.value.startswith("The margin is 1.5 mm")


def test_what_a_person_chose_stays_chosen_while_somebody_paints(
    viewer, open_dock, qtbot
):
    dock = open_dock(viewer)
    QTest.keyClick(dock.margin.choices.specimen, Qt.Key.Key_Down)
    settle(qtbot, dock)
    assert dock.margin.choices.specimen.currentText() == "tumour"
    assert "same label" in dock.margin.problem.value
    viewer.layers["EA"].refresh()
    settle(qtbot, dock)
    assert dock.margin.choices.specimen.currentText() == "tumour"
    QTest.keyClick(dock.margin.choices.specimen, Qt.Key.Key_Up)
    settle(qtbot, dock)
    assert not dock.margin.problem.visible
    assert dock.margin.result.value.startswith("The margin is 1.5 mm")


def test_a_cut_label_is_told_in_words(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    viewer.layers["EA"].data[:, 5:35, 34:] = 1
    viewer.layers["EA"].refresh()
    settle(qtbot, dock)
    assert row(dock, 0)[0] == "specimen, cut"
    assert "'specimen' goes on to the border" in dock.sizes.remarks.value
    assert "may be narrower there" in dock.margin.remarks.value


def test_what_cannot_be_measured_is_told_in_place_of_results(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    viewer.layers["EA"].data = np.zeros_like(viewer.layers["EA"].data)
    settle(qtbot, dock)
    assert "Nothing is painted in 'EA' yet" in dock.problem.value
    assert not dock.sizes.isVisible()
    assert not dock.margin.isVisible()
    viewer.layers.remove("EA")
    settle(qtbot, dock)
    assert "no labels layer yet" in dock.problem.value
    viewer.add_labels(np.ones((2, 3, 8, 8), np.uint8))
    settle(qtbot, dock)
    assert "Split Stack" in dock.problem.value


def test_the_button_goes_to_the_narrowest_place(viewer, open_dock):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.margin.go_button, LEFT)
    where = dock.margin.measured.margin.where
    assert viewer.dims.current_step == where
    assert viewer.scene.camera.center[-2:] == (where[1] * 0.5, where[2] * 0.5)


def test_layers_of_margins_follow_threshold_and_brush(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.margin.show_button, LEFT)
    settle(qtbot, dock)
    assert [layer.name for layer in viewer.layers][2:] == [
        "margins in 3D",
        "margins in slices",
    ]
    assert list(dock.layer.choices) == [viewer.layers["EA"]]
    surface, outline = list(viewer.layers)[2:]
    assert (outline.data == 1).any()
    dock.margin.choices.threshold.setValue(1.0)
    assert not (outline.data == 1).any()
    assert tuple(surface.contrast_limits) == (0, 4)
    viewer.layers["EA"].brush_size = 3
    viewer.layers["EA"].paint((9, 6, 20), 2)
    qtbot.waitUntil(lambda: (outline.data == 1).any())
    settle(qtbot, dock)
    assert len(viewer.layers) == 4


def test_a_2d_image_has_areas_and_an_outline(open_dock, qtbot):
    viewer = ViewerModel()
    viewer.add_labels(body()[10], name="labels")
    dock = open_dock(viewer)
    assert dock.sizes.table.horizontalHeaderItem(1).text() == "Area\npixels"
    assert "in pixels" in dock.sizes.remarks.value
    told = dock.margin.result.value
    assert told.startswith("The margin is 3.0 pixels at its narrowest: y 5, x ")
    assert dock.margin.choices.threshold.text() == "2.00 pixels"
    QTest.mouseClick(dock.margin.show_button, LEFT)
    settle(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["labels", "margins in slices"]


def test_the_table_is_copied_and_saved_with_its_unit(
    viewer, open_dock, tmp_path, qtbot
):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.sizes.export.copy_button, LEFT)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:4] == ["label", "name", "voxels", "volume"]
    assert lines[2].split("\t")[1:4] == ["tumour", "400", "100"]

    def answer_dialog() -> None:
        dialog = QApplication.activeModalWidget()
        dialog.selectFile(str(tmp_path / "sizes"))
        buttons = dialog.findChild(QDialogButtonBox)
        QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Save), LEFT)

    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    QTimer.singleShot(300, answer_dialog)
    QTest.mouseClick(dock.sizes.export.save_button, LEFT)
    saved = pd.read_csv(tmp_path / "sizes.csv")
    assert saved["unit"].tolist() == ["mm", "mm"]
    assert saved["is_cut"].tolist() == [False, False]


def test_a_closed_dock_leaves_the_viewer_alone(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    before = row(dock, 1)
    dock._release()
    viewer.layers["EA"].data = np.zeros_like(viewer.layers["EA"].data)
    viewer.layers.remove("032")
    viewer.dims.ndisplay = 3
    qtbot.wait(150)
    assert row(dock, 1) == before
    assert not dock.is_busy


@pytest.mark.viewer
def test_a_walk_through_the_dock(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    image = np.random.default_rng(0).random((20, 40, 40))
    viewer.add_image(image, name="032", **MM)
    viewer.add_labels(body(), name="EA", features=NAMES, **MM)
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Measure")
    settle(qtbot, dock)
    assert row(dock, 1)[:2] == ["tumour", "100"]
    assert dock.margin.result.value.startswith("The margin is 1.5 mm")

    # The button takes the viewer to the narrowest place.
    QTest.mouseClick(dock.margin.go_button, LEFT)
    assert viewer.dims.current_step == dock.margin.measured.margin.where

    # The margins are shown, in slices and in 3D.
    QTest.mouseClick(dock.margin.show_button, LEFT)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4)
    settle(qtbot, dock)
    surface, outline = list(viewer.layers)[2:]
    assert outline.visible
    assert not surface.visible
    viewer.dims.ndisplay = 3
    assert surface.visible
    assert not outline.visible
    viewer.dims.ndisplay = 2

    # A person types another threshold.
    threshold = dock.margin.choices.threshold
    threshold.selectAll()
    QTest.keyClicks(threshold, "1")
    QTest.keyClick(threshold, Qt.Key.Key_Enter)
    assert "lie closer than 1 mm" in dock.margin.result.value
    assert not (outline.data == 1).any()

    # A brush takes tissue away above the tumour: margin and layers change.
    layer = list(viewer.layers)[1]
    layer.brush_size = 1
    for depth in (5, 6):
        layer.paint((10, depth, 20), 0)
    qtbot.waitUntil(lambda: (outline.data == 1).any(), timeout=10_000)
    settle(qtbot, dock)

    # The dock is closed: painting goes on, and nobody listens.
    viewer.window.remove_dock_widget(dock.native)
    layer.paint((4, 6, 6), 1)
    qtbot.wait(150)
    assert not dock.is_busy
    qtbot.addWidget(dock.native)
