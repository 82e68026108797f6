"""What the Compare dock does when it is asked: layers, surfaces, cases, a report."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from specimen_unet.domain.overlap import compare
from specimen_unet.domain.score_tables import worst_first
from specimen_unet.files.consensus import consensus
from specimen_unet.viewer.provenance import kind_of_layer
from specimen_unet.widgets import compare_dock
from specimen_unet.widgets.compare_dock import CompareDock

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(three_specimens) -> ViewerModel:
    return three_specimens


@pytest.fixture
def open_dock(qtbot, monkeypatch, tmp_path) -> Callable[[ViewerModel], CompareDock]:
    monkeypatch.setenv("SPECIMEN_UNET_RUNS", str(tmp_path / "runs"))
    docks = []

    def open_dock(viewer) -> CompareDock:
        dock = CompareDock(viewer)
        docks.append(dock)
        qtbot.addWidget(dock.native)
        dock.native.resize(380, 800)
        dock.native.show()
        dock.choose_prediction(viewer.layers["specimen 01 - m"])
        settle(qtbot, dock)
        return dock

    yield open_dock
    for dock in docks:
        dock._release()


def settle(qtbot, dock: CompareDock, seconds: float = 20) -> None:
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=int(seconds * 1000))


def layers_of_kind(viewer, kind: str) -> list:
    return [layer for layer in viewer.layers if kind_of_layer(layer) == kind]


def test_what_is_seldom_needed_is_folded_and_fits_a_narrow_dock(viewer, open_dock):
    dock = open_dock(viewer)
    assert not any(fold.is_unfolded for fold in dock.folds)
    for fold in dock.folds:
        QTest.mouseClick(fold.button, LEFT)
        assert fold.is_unfolded
    QApplication.processEvents()
    for fold in dock.folds:
        # Beside the scroll bar of a dock as wide as `fill_column` allows.
        assert fold.minimumSizeHint().width() <= 306
    QTest.mouseClick(dock.folds[0].button, LEFT)
    assert not dock.folds[0].is_unfolded


def test_the_disagreement_follows_the_brush_and_may_count_the_prediction(
    viewer, open_dock, qtbot
):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.agreement.votes_button, LEFT)
    settle(qtbot, dock)
    (layer,) = layers_of_kind(viewer, "disagreement")
    drawn = [viewer.layers[f"specimen 01_{name}"].data for name in ("EA", "MG")]
    np.testing.assert_array_equal(layer.data, sum(one > 0 for one in drawn))
    drawn[0][0, 0, 0] = 1
    viewer.layers["specimen 01_EA"].refresh()
    qtbot.waitUntil(lambda: layer.data[0, 0, 0] == 1)
    settle(qtbot, dock)
    assert "all 2" in dock.agreement.legend.text().replace("&nbsp;", " ")
    dock.agreement.with_prediction.setChecked(True)
    assert "all 3" in dock.agreement.legend.text().replace("&nbsp;", " ")
    QTest.mouseClick(dock.agreement.votes_button, LEFT)
    settle(qtbot, dock)
    (layer,) = layers_of_kind(viewer, "disagreement")
    assert layer.data.max() == 3
    assert layer not in dock.choices.prediction.choices


@pytest.mark.parametrize("method", ["majority", "union", "intersection", "staple"])
def test_a_consensus_is_added_and_nobodys_labels_are_changed(
    viewer, open_dock, qtbot, method
):
    dock = open_dock(viewer)
    before = {layer.name: np.array(layer.data) for layer in viewer.layers}
    box = dock.agreement.method_box
    box.setCurrentIndex(box.findData(method))
    QTest.mouseClick(dock.agreement.merge_button, LEFT)
    settle(qtbot, dock)
    (layer,) = layers_of_kind(viewer, "consensus")
    drawn = [before[f"specimen 01_{name}"] for name in ("EA", "MG")]
    np.testing.assert_array_equal(layer.data, consensus(drawn, method))
    assert layer.name in dock.agreement.note.value
    for name, data in before.items():
        np.testing.assert_array_equal(viewer.layers[name].data, data)
    # It can be chosen for comparison, but is no observer by itself.
    assert layer in dock.choices.prediction.choices
    assert layer not in dock.choices.chosen[1]


def test_all_open_cases_come_worst_first_and_a_click_goes_there(
    viewer, open_dock, qtbot
):
    dock = open_dock(viewer)
    dock.folds[2].unfold()
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    table = dock.cases.table
    shown = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert shown == [f"specimen 0{number}" for number in (3, 2, 1)]
    assert shown == worst_first(dock.cases.found.table)["case"].tolist()
    assert "Williams' index" in dock.cases.sentence.value
    assert "3 cases" in dock.cases.sentence.value
    place = table.visualItemRect(table.item(0, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=place)
    settle(qtbot, dock)
    assert dock.choices.chosen[0] is viewer.layers["specimen 03 - m"]
    assert [layer.name for layer in dock.choices.chosen[1]] == [
        "specimen 03_EA",
        "specimen 03_MG",
    ]
    assert {layer.name for layer in viewer.layers if layer.visible} == {
        *("specimen 03", "specimen 03_EA", "specimen 03_MG", "specimen 03 - m")
    }
    assert viewer.layers.selection.active is viewer.layers["specimen 03 - m"]
    assert dock.cases.note.value == ""  # another case is looked at, none has changed


def test_dots_are_the_dice_of_the_cases_and_a_click_goes_to_one(
    viewer, open_dock, qtbot
):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    drawn = sorted(y for _, y in dock.cases.plots.points)
    assert drawn == pytest.approx(sorted(dock.cases.found.table["dice"]))
    dock.cases.plots.kind_box.setCurrentIndex(1)
    sizes = dock.cases.found.table.query("not between_observers")
    wanted = sizes["predicted_size"] - sizes["true_size"]
    assert sorted(y for _, y in dock.cases.plots.points) == pytest.approx(
        sorted(wanted)
    )
    with qtbot.waitSignal(dock.cases.case_chosen) as told:
        dock.cases.plots.case_clicked.emit("specimen 02")
    assert told.args[0].prediction is viewer.layers["specimen 02 - m"]


def test_numbers_that_were_asked_for_are_marked_when_somebody_paints(
    viewer, open_dock, qtbot
):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    assert not dock.cases.note.value
    # Painted on another specimen than the one that is shown.
    viewer.layers["specimen 03_MG"].data[0, 0, 0] = 1
    viewer.layers["specimen 03_MG"].refresh()
    qtbot.waitUntil(lambda: "changed since" in dock.cases.note.value)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    assert not dock.cases.note.value


def test_without_such_cases_it_is_told_what_to_open(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    for layer in [layer for layer in viewer.layers if layer.name[:11] != "specimen 01"]:
        viewer.layers.remove(layer)
    viewer.layers.remove("specimen 01")
    settle(qtbot, dock)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    assert "segment the images" in dock.cases.note.value


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_surfaces_are_measured_by_the_engine_and_marked_when_one_paints_on(
    viewer, open_dock, qtbot, tmp_path
):
    dock = open_dock(viewer)
    dock.folds[1].unfold()
    assert dock.surfaces.work.job is None  # nobody has asked yet
    assert dock.surfaces.tolerance.value() == pytest.approx(
        2 * min(viewer.layers["specimen 01"].scale)
    )
    QTest.mouseClick(dock.surfaces.button, LEFT)
    settle(qtbot, dock, seconds=90)
    assert not dock.surfaces.note.value
    table = dock.surfaces.table
    assert [table.item(row, 0).text() for row in range(3)] == [
        *("Prediction / 01_EA", "Prediction / 01_MG", "01_EA / 01_MG"),
    ]
    found = table.values
    assert found["hd95"].iloc[0] == pytest.approx(viewer.layers["specimen 01"].scale[2])
    assert 0 < found["surface_dice"].iloc[0] <= 1
    assert list((tmp_path / "runs" / ".measuring").iterdir()) == []
    viewer.layers["specimen 01_EA"].data[0, 0, 0] = 1
    viewer.layers["specimen 01_EA"].refresh()
    qtbot.waitUntil(lambda: "changed since" in dock.surfaces.note.value)
    dock.choose_prediction(viewer.layers["specimen 02 - m"])
    settle(qtbot, dock)
    assert not table.isVisible()
    assert table.values is None


def test_surfaces_of_what_is_partly_annotated_are_refused(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    dock.choices.annotation.value = "slices"
    settle(qtbot, dock)
    QTest.mouseClick(dock.surfaces.button, LEFT)
    settle(qtbot, dock)
    assert "only where everything is annotated" in dock.surfaces.note.value


def test_every_pair_stands_in_a_matrix(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    table, scores = dock.cases.matrix, dock.cases.found.table
    names = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert names == ["prediction", "EA", "MG"]
    mean = scores.query("first == 'EA' and second == 'MG'")["dice"].mean()
    assert table.item(1, 3).text() == table.item(2, 2).text() == f"{mean:.3f}"
    assert table.item(1, 2).text() == ""
    assert table.text(",").splitlines()[0] == "annotation,prediction,EA,MG"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".csv"])
def test_every_plot_is_saved_dark_on_white_or_as_numbers(
    viewer, open_dock, qtbot, tmp_path, suffix
):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.cases.button, LEFT)
    settle(qtbot, dock)
    exports = {"slices": dock.slices.export, "dots": dock.cases.plots.export}
    for name, export in exports.items():
        path = tmp_path / f"{name}{suffix}"
        export.save(path)
        qtbot.waitUntil(lambda export=export: not export.is_busy, timeout=20_000)
        assert str(path) in export.note.value
        if suffix == ".png":
            picture = np.asarray(Image.open(path).convert("L"))
            assert (picture > 250).mean() > 0.5
            assert (picture < 100).any()
        elif suffix == ".csv":
            assert {"dice", "label"} <= set(pd.read_csv(path))
        else:
            assert "<svg" in path.read_text("utf-8")[:1000]
    dock.slices.export.save(tmp_path / f"dots{suffix}" / f"a{suffix}")
    qtbot.waitUntil(lambda: "cannot be written" in dock.slices.export.note.value)


def test_a_report_of_all_open_cases_is_written(viewer, open_dock, qtbot, tmp_path):
    dock = open_dock(viewer)
    dock.report.write(tmp_path / "r.html")
    settle(qtbot, dock, seconds=60)
    assert dock.report.written == tmp_path / "r.html"
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "Worst case, specimen 03" in text
    scores = pd.read_csv(tmp_path / "r-scores.csv")
    assert len(scores) == 3 * 3
    dice = compare(
        viewer.layers["specimen 02 - m"].data, viewer.layers["specimen 02_MG"].data
    )["dice"].item()
    row = scores.query("case == 'specimen 02' and first == 'prediction'").iloc[1]
    assert row["dice"] == pytest.approx(dice, rel=1e-5)


def test_a_report_of_labels_without_an_image_is_written(
    viewer, open_dock, qtbot, tmp_path
):
    dock = open_dock(viewer)
    for number in (1, 2, 3):
        viewer.layers.remove(f"specimen 0{number}")
    settle(qtbot, dock)
    dock.report.write(tmp_path / "r.html")
    settle(qtbot, dock, seconds=60)
    assert "This is one case" in (tmp_path / "r.html").read_text("utf-8")
    dock.report.write(tmp_path / "r.html" / "under-a-file.html")
    settle(qtbot, dock, seconds=60)
    assert "cannot be written" in dock.report.note.value


def test_a_report_measures_with_the_tolerance_of_the_surface_panel(
    viewer, open_dock, qtbot
):
    for layer in viewer.layers:
        if "specimen 02" in layer.name:
            layer.units = ("um",) * 3
    dock = open_dock(viewer)
    assert not dock.report.surfaces.isChecked()
    assert not dock.report.tolerance_note.visible
    dock.report.surfaces.setChecked(True)
    assert "Tolerance: 1 mm" in dock.report.tolerance_note.value
    dock.surfaces.tolerance.setValue(0.75)
    assert "Tolerance: 0.75 mm" in dock.report.tolerance_note.value
    dock.surfaces.tolerance.setValue(0)
    assert "no surface Dice" in dock.report.tolerance_note.value
    dock.surfaces.tolerance.setValue(1)
    # The same number, but of another unit.
    dock.choose_prediction(viewer.layers["specimen 02 - m"])
    settle(qtbot, dock)
    assert "Tolerance: 1 µm" in dock.report.tolerance_note.value


@pytest.mark.usefixtures("idle_engine")
def test_a_dock_that_is_closed_while_it_measures_for_a_report_leaves_nothing(
    viewer, open_dock, qtbot, tmp_path
):
    dock = open_dock(viewer)
    dock.report.surfaces.setChecked(True)
    dock.report.write(tmp_path / "r.html")
    measuring = tmp_path / "runs" / ".measuring"
    qtbot.waitUntil(lambda: "Case 1 of 3" in dock.report.note.value)
    assert len(list(measuring.iterdir())) == 1
    dock._release()
    assert not dock.is_busy
    assert list(measuring.iterdir()) == []
    assert not list(tmp_path.glob("r.*"))


@pytest.mark.alone
def test_painting_never_waits_for_scores(viewer, open_dock, qtbot, monkeypatch):
    """However long scores take, strokes are drawn, and the newest ones are scored."""
    dock = open_dock(viewer)
    may_go_on, asked = threading.Event(), []
    score = compare_dock.score

    def slow(comparison):
        asked.append(np.array(comparison.truths["specimen 01_EA"]))
        assert may_go_on.wait(30)
        return score(comparison)

    monkeypatch.setattr(compare_dock, "score", slow)
    layer = viewer.layers["specimen 01_EA"]
    longest = 0.0
    for column in range(30):
        begun = time.perf_counter()
        layer.paint((0, 1, column), 1)
        QApplication.processEvents()
        longest = max(longest, time.perf_counter() - begun)
        if column == 0:
            qtbot.waitUntil(lambda: len(asked) == 1)
    assert dock.is_busy
    assert len(asked) == 1
    assert (layer.data[0, 1, :30] == 1).all()
    assert longest < 2  # `slow` waits for as long as it takes
    may_go_on.set()
    qtbot.waitUntil(lambda: len(asked) == 2)
    settle(qtbot, dock)
    np.testing.assert_array_equal(asked[1], layer.data)
    shown = dock.scores.table.values.iloc[0]
    dice = compare(viewer.layers["specimen 01 - m"].data, layer.data)["dice"].item()
    assert shown["dice"] == pytest.approx(dice)


def test_a_stack_of_single_images_has_images_and_no_slices(viewer, open_dock, qtbot):
    for layer in viewer.layers:
        layer.axis_labels = ("image", "y", "x")
    plot = open_dock(viewer).slices.plot
    viewer.dims.set_current_step(0, 3)
    assert plot.reading.startswith("Image 3: ")
