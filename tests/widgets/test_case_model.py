"""Model and view of the cases: a thousand of them, and nothing read by looking."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from specimen_unet.files.case_facts import ImageFacts, LabelFacts, Score
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import COLUMNS, CaseTable
from specimen_unet.widgets.case_shelf import CaseShelf

MANY = 1000


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A thousand cases by name; who reads one is counted, and the files are empty."""
    for number in range(MANY):
        (tmp_path / f"case {number}.png").touch()
        (tmp_path / f"case {number}_EA.png").touch()
    table = CaseTable(CaseFolder.open(tmp_path))
    table.asked = []

    def read(row, kind):
        table.asked.append((row.name, kind))
        number = int(row.name.split()[-1])
        if kind == "image":
            thumbnail = np.full((20, 40), number % 256, np.uint8)
            return ImageFacts((10, 1 + number), 1, (1.0, 1.0), "mm", thumbnail)
        if kind == "labels":
            return LabelFacts((1 + number % 3,), number)
        return Score(number / MANY)

    monkeypatch.setattr(table, "read", read)
    return table


@pytest.fixture
def shelf(table, qtbot):
    from qtpy.QtWidgets import QWidget

    window = QWidget()
    qtbot.addWidget(window)
    shelf = CaseShelf(window)
    qtbot.addWidget(shelf.view)
    shelf.view.resize(900, 400)
    yield shelf
    shelf.leave()


def settled(qtbot, shelf):
    """Wait until what is seen has been looked for and read."""
    qtbot.wait(10)
    qtbot.waitUntil(lambda: not shelf.view.is_settling and not shelf.is_busy)


def shown(shelf, column="case"):
    number = COLUMNS.index(column)
    order = shelf.view.order
    return [order.index(n, number).data() for n in range(order.rowCount())]


@pytest.mark.alone
def test_a_thousand_cases_are_shown_within_a_second_and_only_what_is_seen_is_read(
    shelf, table, qtbot
):
    begun = time.perf_counter()
    shelf.show_table(table)
    shelf.view.show()
    qtbot.waitExposed(shelf.view)
    assert time.perf_counter() - begun < 1
    settled(qtbot, shelf)
    seen = {row.name for row in shelf.view.visible_rows()}
    assert 0 < len(seen) < 20
    assert {name for name, _ in table.asked} == seen
    assert {kind for _, kind in table.asked} == {"image", "labels"}


def test_columns_out_of_sight_are_not_read(shelf, table, qtbot):
    shelf.view.resize(300, 400)
    shelf.show_table(table)
    shelf.view.show()
    settled(qtbot, shelf)
    assert {kind for _, kind in table.asked} == {"image"}


def test_scrolling_reads_what_comes_into_sight(shelf, table, qtbot):
    shelf.show_table(table)
    shelf.view.show()
    settled(qtbot, shelf)
    table.asked.clear()
    shelf.view.scrollToBottom()
    settled(qtbot, shelf)
    names = {name for name, _ in table.asked}
    assert "case 999" in names
    assert len(names) < 20


def test_sorting_by_what_is_known_reads_nothing(shelf, table, qtbot):
    table.mark(table.rows[500:510], group="A")
    shelf.show_table(table)
    for order in Qt.SortOrder:  # cases that are groups of their own stand last
        shelf.view.sortByColumn(COLUMNS.index("group"), order)
        assert set(shown(shelf, "group")[:10]) == {"A"}
    assert table.asked == []
    shelf.view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert shown(shelf)[:2] == ["case 999", "case 998"]


def test_sorting_by_size_reads_all_images_and_then_sorts_by_number(shelf, table, qtbot):
    told = []
    shelf.told.connect(told.append)
    shelf.show_table(table)
    shelf.view.sortByColumn(COLUMNS.index("size"), Qt.SortOrder.DescendingOrder)
    settled(qtbot, shelf)
    assert len(table.asked) == MANY
    assert shown(shelf)[:3] == ["case 999", "case 998", "case 997"]
    assert told[-1] == ""


@pytest.mark.parametrize("order", list(Qt.SortOrder))
def test_what_is_not_known_stands_last_in_either_order(shelf, table, order):
    for row in table.rows[7:9]:
        table.keep(row, table.read(row, "image"))
    shelf.show_table(table)
    shelf.view.order.sort(COLUMNS.index("size"), order)
    assert set(shown(shelf)[:2]) == {"case 7", "case 8"}


def test_words_narrow_the_cases_down(shelf, table):
    table.mark(table.rows[:3], split="validation")
    shelf.show_table(table)
    shelf.view.show_matching("valid EA")
    assert shown(shelf) == ["case 0", "case 1", "case 2"]
    shelf.view.show_matching("case 99")
    assert len(shown(shelf)) == 19
    shelf.view.show_matching("")
    assert len(shown(shelf)) == MANY
    assert table.asked == []


def test_one_click_tells_the_case_and_several_selected_do_not(shelf, table, qtbot):
    shelf.show_table(table)
    shelf.view.show()
    view, clicked = shelf.view, []
    view.clicked_case.connect(lambda row: clicked.append(row.name))

    def click(number, keys=Qt.KeyboardModifier.NoModifier):
        place = view.visualRect(view.order.index(number, 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, keys, place)
        # Else Qt takes the key for held from now on, in other tests, too.
        qtbot.mouseMove(view.viewport(), place)
        assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier
        qtbot.wait(20)

    click(2)
    assert set(clicked) == {"case 2"}
    clicked.clear()
    click(4, Qt.KeyboardModifier.ShiftModifier)
    assert clicked == []
    assert [row.name for row in view.selected_rows()] == ["case 2", "case 3", "case 4"]


def test_thumbnails_are_there_once_read(shelf, table, qtbot):
    shelf.show_table(table)
    index = shelf.model.index(3, 0)
    role = Qt.ItemDataRole.DecorationRole

    def middle():
        picture = shelf.model.data(index, role).toImage()
        return picture.pixelColor(20, 20).red(), picture.pixelColor(20, 20).alpha()

    assert middle()[1] == 0
    row = table.rows[3]
    table.keep(row, table.read(row, "image"))
    assert middle() == (3, 255)


def test_outlines_are_drawn_once_labels_or_score_are_read(shelf, table):
    shelf.show_table(table)
    index = shelf.model.index(3, 0)
    row = table.rows[3]
    table.keep(row, table.read(row, "image"))

    def pixel(x):
        picture = shelf.model.data(index, Qt.ItemDataRole.DecorationRole).toImage()
        return picture.pixelColor(x, 20).getRgb()[:3]

    assert pixel(5) == (3, 3, 3)
    outline = np.zeros((20, 40), bool)
    outline[10, 5] = True
    table.keep(row, LabelFacts((1,), 1, outline=outline))
    assert pixel(5) == (230, 159, 0)
    table.keep(row, Score(0.5, outline=np.roll(outline, 1, axis=1)))
    assert (pixel(5), pixel(6)) == ((230, 159, 0), (86, 180, 233))
    table.keep(row, LabelFacts())
    assert pixel(5) == (3, 3, 3)


def test_another_table_drops_what_is_read_of_the_first(shelf, table, qtbot):
    shelf.show_table(table)
    shelf.need("image")
    shelf.show_table(None)
    qtbot.wait(100)
    assert not shelf.is_busy
    assert shelf.view.order.rowCount() == 0
    assert shelf.view.visible_rows() == []
