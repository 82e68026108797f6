from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.viewer.pairing import truths_of
from specimen_unet.widgets import case_opening
from specimen_unet.widgets.case_opening import CaseOpening


@pytest.fixture
def table(tmp_path, blob_cases):
    for case in blob_cases:
        write_image(tmp_path / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(tmp_path / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    return CaseTable(CaseFolder.open(tmp_path))


@pytest.fixture
def opening(viewer, qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    opening = CaseOpening(viewer, window)
    opening.window = window
    return opening


@pytest.fixture
def asked(monkeypatch):
    """Answer questions about paint with the last of a list; remember them."""
    answers = ["stay"]

    def ask(_, case, observers):
        asked.append((case, observers))
        return answers[-1]

    asked = []
    monkeypatch.setattr(case_opening, "ask_about_edits", ask)
    return asked, answers


def show(qtbot, opening, table, number):
    opening.open(table, table.rows[number])
    qtbot.waitUntil(lambda: not opening.is_busy, timeout=20_000)


def paint(viewer, opening):
    layer = viewer.layers[f"{opening.name} EA"]
    layer.data[..., 0, 0] = 1
    return layer.data.copy()


def test_a_click_shows_a_case_and_the_next_one_takes_its_place(
    opening, table, viewer, qtbot, asked
):
    show(qtbot, opening, table, 0)
    assert [layer.name for layer in viewer.layers] == ["blob 0", "blob 0 EA"]
    show(qtbot, opening, table, 1)
    assert [layer.name for layer in viewer.layers] == ["blob 1", "blob 1 EA"]
    assert asked[0] == []


def test_who_stays_keeps_the_paint(opening, table, viewer, qtbot, asked):
    show(qtbot, opening, table, 0)
    painted = paint(viewer, opening)
    stayed = []
    opening.stayed.connect(stayed.append)
    show(qtbot, opening, table, 1)
    assert asked[0] == [("blob 0", ["EA"])]
    assert stayed == ["blob 0"]
    np.testing.assert_array_equal(viewer.layers["blob 0 EA"].data, painted)


@pytest.mark.parametrize("answer", ["save", "discard"])
def test_paint_goes_into_the_file_only_if_it_is_saved(
    opening, table, viewer, qtbot, asked, answer
):
    asked[1].append(answer)
    path = table.folder.listing.root / "blob 0_EA.tif"
    before = read_labels(path)[0]
    show(qtbot, opening, table, 0)
    painted = paint(viewer, opening)
    show(qtbot, opening, table, 1)
    assert opening.name == "blob 1"
    expected = painted if answer == "save" else before
    np.testing.assert_array_equal(read_labels(path)[0], expected)


def test_what_cannot_be_saved_is_told_and_the_case_stays(
    opening, table, viewer, qtbot, asked, monkeypatch
):
    from specimen_unet.domain.errors import CaseReadError

    def refuse(*_):
        raise CaseReadError("no room on the disk")

    monkeypatch.setattr(case_opening, "save_edited", refuse)
    asked[1].append("save")
    told = []
    opening.refused.connect(told.append)
    show(qtbot, opening, table, 0)
    paint(viewer, opening)
    show(qtbot, opening, table, 1)
    assert told[-1] == "no room on the disk"
    assert opening.name == "blob 0"
    assert not opening.close()


def test_saving_is_not_overtaken_by_further_clicks(
    opening, table, viewer, qtbot, asked
):
    asked[1].append("save")
    show(qtbot, opening, table, 0)
    painted = paint(viewer, opening)
    opening.open(table, table.rows[1])
    opening.open(table, table.rows[2])
    qtbot.waitUntil(lambda: opening.name == "blob 2", timeout=20_000)
    path = table.folder.listing.root / "blob 0_EA.tif"
    np.testing.assert_array_equal(read_labels(path)[0], painted)
    assert len(asked[0]) == 1


def test_a_bad_file_is_told_and_the_case_that_is_shown_stays(
    opening, table, viewer, qtbot, asked
):
    (table.folder.listing.root / "blob 1.tif").write_bytes(b"")
    told = []
    opening.refused.connect(told.append)
    show(qtbot, opening, table, 0)
    show(qtbot, opening, table, 1)
    assert "blob 1.tif" in told[-1]
    assert opening.name == "blob 0"


def test_the_button_saves_without_leaving(opening, table, viewer, qtbot, asked):
    show(qtbot, opening, table, 0)
    painted = paint(viewer, opening)
    with qtbot.waitSignal(opening.saved, timeout=20_000):
        opening.save()
    path = table.folder.listing.root / "blob 0_EA.tif"
    np.testing.assert_array_equal(read_labels(path)[0], painted)
    show(qtbot, opening, table, 1)
    assert asked[0] == []


def test_paint_is_saved_also_when_the_image_was_taken_away(
    opening, table, viewer, qtbot, asked
):
    asked[1].append("save")
    show(qtbot, opening, table, 0)
    painted = paint(viewer, opening)
    viewer.layers.remove("blob 0")
    show(qtbot, opening, table, 1)
    qtbot.waitUntil(lambda: opening.name == "blob 1", timeout=20_000)
    assert asked[0] == [("blob 0", ["EA"])]
    path = table.folder.listing.root / "blob 0_EA.tif"
    np.testing.assert_array_equal(read_labels(path)[0], painted)


@pytest.fixture
def bare(table):
    """Return the table again, of whose first case nobody has drawn the labels."""
    root = table.folder.listing.root
    (root / "blob 0_EA.tif").unlink()
    return CaseTable(CaseFolder.open(root))


def test_a_case_that_nobody_drew_on_has_a_layer_to_draw_on(
    opening, bare, viewer, qtbot, asked
):
    asked[1].append("save")
    saved = []
    opening.saved.connect(lambda name, files: saved.append((name, files.labels)))
    show(qtbot, opening, bare, 0)
    assert [layer.name for layer in viewer.layers] == ["blob 0", "blob 0 EA"]
    painted = paint(viewer, opening)
    show(qtbot, opening, bare, 1)
    qtbot.waitUntil(lambda: opening.name == "blob 1", timeout=20_000)
    root = bare.folder.listing.root
    assert saved == [("blob 0", {"EA": ("blob 0_EA.tif",)})]
    found, grid = read_labels(root / "blob 0_EA.tif")
    np.testing.assert_array_equal(found, painted)
    assert grid.same_spacing(read_labels(root / "blob 1_EA.tif")[1])


def test_what_is_painted_after_the_first_save_goes_into_the_same_file(
    opening, bare, viewer, qtbot, asked
):
    show(qtbot, opening, bare, 0)
    for _ in range(2):
        viewer.layers["blob 0 EA"].data[..., 2, 2] += 1
        with qtbot.waitSignal(opening.saved, timeout=20_000):
            opening.save()
    path = bare.folder.listing.root / "blob 0_EA.tif"
    np.testing.assert_array_equal(read_labels(path)[0], viewer.layers["blob 0 EA"].data)


def test_an_untouched_empty_layer_is_neither_saved_nor_asked_about(
    opening, bare, viewer, qtbot, asked
):
    show(qtbot, opening, bare, 0)
    before = sorted(bare.folder.listing.root.iterdir())
    opening.save()
    show(qtbot, opening, bare, 1)
    assert asked[0] == []
    assert sorted(bare.folder.listing.root.iterdir()) == before


def test_an_untouched_empty_layer_is_no_ground_truth(
    opening, bare, viewer, qtbot, asked
):
    """Else a prediction would be compared with nothing, and have a Dice of 0."""
    show(qtbot, opening, bare, 0)
    image, layer = viewer.layers
    prediction = viewer.add_labels(np.ones_like(layer.data), name="blob 0 - model")
    assert truths_of(prediction, [layer], [image]) == []
    layer.paint((0,) * layer.ndim, 1)
    assert truths_of(prediction, [layer], [image]) == [layer]
    layer.undo()
    assert truths_of(prediction, [layer], [image]) == []
    layer.data[..., 1, 1] = 1
    assert truths_of(prediction, [layer], [image]) == [layer]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Save", "save"), ("Discard changes", "discard"), ("Stay at 032", "stay")],
)
def test_the_question_names_case_and_observers_and_has_three_answers(
    qtbot, text, answer
):
    window = QWidget()
    qtbot.addWidget(window)
    told, dark = [], []

    def press():
        box = QApplication.activeModalWidget()
        told.append(box.text())
        dark.append(box.grab().toImage().pixelColor(3, 3).lightness() < 128)
        next(b for b in box.buttons() if b.text().replace("&", "") == text).click()

    QTimer.singleShot(100, press)
    assert case_opening.ask_about_edits(window, "032", ["EA", "MG"]) == answer
    assert told == ["The labels of EA and MG on 032 were changed and not saved."]
    assert dark == [True]


def test_labels_of_nobody_in_particular_are_called_labels(qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(
        case_opening, "ask_about_unsaved", lambda *words, **_: asked.append(words[-1])
    )
    case_opening.ask_about_edits(QWidget(), "032", ["labels"])
    assert asked == ["The labels on 032 were changed and not saved."]
