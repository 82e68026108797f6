from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QScrollArea

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.widgets import folder_bar, mark_making
from specimen_unet.widgets.cases_dock import CasesDock


@pytest.fixture
def folder(tmp_path, two_observer_cases):
    """Four cases, of which the last is the first one again, and two odd files."""
    root = tmp_path / "specimens"
    for case in two_observer_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        for who, drawn in case.labels.items():
            write_labels(root / f"{case.name}_{who}.tif", drawn, case.grid)
    (root / "blob 3.tif").write_bytes((root / "blob 0.tif").read_bytes())
    (root / "notes.txt").write_text("cut on Monday")
    write_labels(root / "lost_labels.tif", drawn, case.grid)
    return root


@pytest.fixture
def dock(viewer, qtbot):
    dock = CasesDock(viewer)
    qtbot.addWidget(dock.native)
    dock.native.resize(1000, 900)
    dock.native.show()
    return dock


@pytest.fixture
def opened(dock, folder, qtbot):
    show(dock, folder, qtbot)
    return dock


def show(dock, folder, qtbot):
    before = dock.table
    dock.show_folder(folder)
    qtbot.waitUntil(lambda: dock.table is not before, timeout=20_000)


def select(dock, *numbers):
    view = dock.shelf.view
    view.clearSelection()
    flags = view.selectionModel().SelectionFlag
    for number in numbers:
        view.selectionModel().select(
            view.order.index(number, 0), flags.Select | flags.Rows
        )


def press(button):
    button.native.click()


def test_an_open_folder_is_told_with_what_could_not_be_paired(opened):
    assert "4 cases · 4 groups" in opened.bar.title.value
    assert "Not paired: 2" in opened.unpaired.toggle.text
    reasons = opened.unpaired.lines.toPlainText()
    assert "lost_labels.tif: no image" in reasons
    assert "notes.txt: it is no image" in reasons
    assert opened.unpaired.lines.isHidden()
    press(opened.unpaired.toggle)
    assert opened.unpaired.lines.isVisible()


def test_before_a_folder_is_open_nothing_can_be_pressed_but_open(dock):
    buttons = (
        dock.find,
        dock.make_splits,
        dock.save,
        dock.work.train,
        dock.work.segment,
        dock.work.validate,
    )
    assert [button.enabled for button in buttons] == [False] * 6
    assert "Open a folder" in dock.bar.title.value


def test_a_folder_that_is_none_is_told(dock, tmp_path, qtbot):
    dock.show_folder(tmp_path / "nowhere")
    qtbot.waitUntil(lambda: bool(dock.bar.problem.value))
    assert "There is no folder" in dock.bar.problem.value


def test_groups_and_splits_are_given_to_all_selected_and_saved(opened, folder):
    select(opened, 0, 2)
    assert opened.marks.selected.value == "2 cases selected"
    opened.marks.group.value = "P7"
    opened.marks.group.native.returnPressed.emit()
    select(opened, 1)
    opened.marks.split.native.activated.emit(3)
    assert "3 groups · 1 test" in opened.bar.title.value
    press(opened.save)
    found = CaseFolder.open(folder)
    marks = {
        found.name(f): (found.group(f), found.split(f))
        for f in found.cases(needs_labels=False)
    }
    assert marks == {
        "blob 0": ("P7", ""),
        "blob 1": ("blob 1", "test"),
        "blob 2": ("P7", ""),
        "blob 3": ("blob 3", ""),
    }
    assert not opened.save.enabled


def test_near_duplicates_become_one_group(opened, qtbot):
    press(opened.find)
    qtbot.waitUntil(lambda: "show nearly the same" in opened.status.value)
    groups = {row.name: row.group for row in opened.table.rows}
    assert groups["blob 3"] == groups["blob 0"] == "blob 0"
    assert groups["blob 1"] == "blob 1"
    assert opened.save.enabled


def test_looking_for_near_duplicates_can_be_stopped(opened, qtbot):
    press(opened.find)
    press(opened.find)
    assert "Stopped" in opened.status.value
    qtbot.wait(100)
    assert not opened.table.is_marked


def test_splits_are_made_from_all_labels(opened, qtbot):
    press(opened.make_splits)
    opened.splits.form.control("parts").value = 4
    opened.splits.form.control("test").value = 2
    press(opened.splits.make)
    qtbot.waitUntil(lambda: "Splits are made" in opened.status.value, timeout=20_000)
    splits = sorted(row.split for row in opened.table.rows)
    assert splits == ["test", "training", "training", "validation"]


def test_more_parts_than_groups_are_refused_with_what_would_do(opened, qtbot):
    opened.splits.form.control("parts").value = 9
    press(opened.make_splits)
    press(opened.splits.make)
    qtbot.waitUntil(lambda: bool(opened.splits.problem.value), timeout=20_000)
    assert "choose 2 to 4 folds" in opened.splits.problem.value
    assert not opened.table.is_marked


def test_a_click_shows_the_case(opened, viewer, qtbot):
    opened.shelf.view.selectRow(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == [
        "blob 1",
        "blob 1 EA",
        "blob 1 MG",
    ]


def test_the_case_stays_selected_that_a_person_does_not_leave(
    opened, viewer, qtbot, monkeypatch
):
    monkeypatch.setattr(
        "specimen_unet.widgets.case_opening.ask_about_edits", lambda *_: "stay"
    )
    opened.shelf.view.selectRow(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=20_000)
    viewer.layers[1].data[..., 0, 0] = 1
    opened.shelf.view.selectRow(2)
    qtbot.waitUntil(
        lambda: [r.name for r in opened.shelf.view.selected_rows()] == ["blob 1"]
    )
    assert viewer.layers[0].name == "blob 1"


@pytest.mark.parametrize("answer", ["save", "discard", "stay"])
def test_marks_that_are_not_saved_are_asked_about(
    opened, folder, tmp_path, qtbot, monkeypatch, answer
):
    asked = []

    def ask(*words, **_):
        asked.append(words)
        return answer

    monkeypatch.setattr(mark_making, "ask_about_unsaved", ask)
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(other / "a.png")
    opened.table.mark(opened.table.rows[:1], group="P7")
    before = opened.table
    opened.show_folder(other)
    assert len(asked) == 1
    if answer == "stay":
        assert opened.table is before
        return
    qtbot.waitUntil(lambda: opened.table is not before)
    assert (folder / "groups.csv").exists() == (answer == "save")


def test_nothing_is_hidden_below_the_scroll_bar(opened, qtbot):
    opened.native.resize(330, 300)
    opened.native.show()
    scroll = opened.native.findChild(QScrollArea)
    qtbot.waitUntil(lambda: scroll.verticalScrollBar().isVisible())
    opened.save.text = "Save groups and splits of many more words"
    qtbot.waitUntil(lambda: scroll.minimumWidth() > 330)
    opened.native.resize(330, 300)
    qtbot.waitUntil(
        lambda: scroll.viewport().width() >= scroll.widget().minimumSizeHint().width()
    )


def test_what_is_filtered_or_selected_is_what_is_worked_on(opened):
    assert len(opened.chosen_rows()) == 4
    opened.filter.native.setText("blob 1")
    assert [row.name for row in opened.chosen_rows()] == ["blob 1"]
    assert opened.work.train.text == "Train on 1 case…"
    opened.filter.native.setText("")
    select(opened, 1, 2)
    assert opened.work.segment.text == "Segment 2 cases…"
    select(opened, 1)
    assert opened.work.segment.text == "Segment 4 cases…"


def test_a_prediction_that_was_written_shows_its_dice(
    opened, folder, tmp_path, two_observer_cases, qtbot
):
    from specimen_unet.files.predictions import Prediction, UsedModel

    case = two_observer_cases[1]
    write_labels(tmp_path / "p.tif", case.labels["EA"], case.grid)
    made = Prediction(
        case="blob 1",
        labels="p.tif",
        models=(UsedModel(name="m"),),
    )
    opened.take_prediction(folder, tmp_path / "p.tif", made)
    row = opened.shelf.row_of("blob 1")
    qtbot.waitUntil(lambda: not row.lacks("score"), timeout=20_000)
    assert float(opened.table.text(row, "dice")) > 0.9
    opened.take_prediction(tmp_path, tmp_path / "p.tif", made)


def test_first_labels_of_a_case_count_once_they_are_saved(dock, folder, viewer, qtbot):
    for path in folder.glob("blob 3_*.tif"):
        path.unlink()
    show(dock, folder, qtbot)
    row = dock.shelf.row_of("blob 3")
    assert dock.work.train.text == "Train on 3 cases…"
    dock.shelf.view.selectRow(3)
    qtbot.waitUntil(lambda: "blob 3 labels" in viewer.layers, timeout=20_000)
    viewer.layers["blob 3 labels"].data[..., :3, :3] = 1
    with qtbot.waitSignal(dock.opening.saved, timeout=20_000):
        press(dock.save_labels)
    assert row.files.labels == {"labels": ("blob 3_labels.tif",)}
    assert "blob 3.tif" not in dock.unpaired.lines.toPlainText()
    assert dock.work.train.text == "Train on 4 cases…"
    qtbot.waitUntil(lambda: row.labels is not None, timeout=20_000)
    assert dock.table.text(row, "labels") == "1"


def test_looking_again_finds_new_files(opened, folder, qtbot, two_observer_cases):
    case = two_observer_cases[0]
    write_image(folder / "new.tif", case.image[0], case.grid)
    before = opened.table
    press(opened.bar.again)
    qtbot.waitUntil(lambda: opened.table is not before, timeout=20_000)
    assert "5 cases" in opened.bar.title.value
    assert "1 without labels" in opened.bar.title.value


def test_the_folder_is_asked_for(dock, folder, qtbot, monkeypatch):
    monkeypatch.setattr(
        folder_bar.QFileDialog, "getExistingDirectory", lambda *_: str(folder)
    )
    press(dock.bar.choose)
    qtbot.waitUntil(lambda: dock.table is not None, timeout=20_000)
