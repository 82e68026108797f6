from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.grid import Grid
from specimen_unet.widgets.score_table import MOST_LABELS, ScoreTable

TRUTH = np.zeros((4, 10, 10), np.uint8)
TRUTH[1:3, 2:8, 2:8] = 1
PREDICTED = np.roll(TRUTH, 1, axis=1)
NAMES = {1: "tumour", 2: "rim"}


@pytest.fixture
def shown(qtbot):
    table = ScoreTable()
    qtbot.addWidget(table)

    def show(predicted=PREDICTED, truths=None, **changes) -> ScoreTable:
        grid = Grid((2.0, 0.5, 0.5), "mm")
        options = {"label_names": NAMES, **changes}
        comparison = Comparison(
            "model", predicted, truths or {"EA": TRUTH}, grid, **options
        )
        table.show_scores(score(comparison).table, unit="mm", dimensions=3)
        return table

    return show


def texts(table: ScoreTable) -> list[list[str]]:
    return [
        [
            item.text() if (item := table.item(row, column)) else ""
            for column in range(table.columnCount())
        ]
        for row in range(table.rowCount())
    ]


def test_every_pair_has_a_line_and_a_row_a_label(shown):
    rows = texts(shown(truths={"EA": TRUTH, "MG": PREDICTED}))
    assert [row[0] for row in rows] == [
        *("Prediction against EA", "tumour", "rim"),
        *("Prediction against MG", "tumour", "rim"),
        *("EA against MG", "tumour", "rim"),
    ]
    # 2 slices of 6 x 6 voxels of 0.5 mm³; 5 of 6 rows overlap.
    assert rows[1][1:] == ["0.833", "0.714", "0.833", "0.833", "36.0 / 36.0"]
    assert rows[4][1] == "1.000"


def test_what_is_undefined_is_a_dash_that_says_why(shown):
    table = shown()
    assert texts(table)[2] == ["rim", "–", "–", "–", "–", "0 / 0"]
    assert "neither of the two has this label" in table.item(2, 1).toolTip()
    assert "the first has no voxel" in table.item(2, 3).toolTip()
    assert table.item(1, 1).toolTip() == "0.833333"


def test_volumes_have_their_unit(shown):
    table = shown()
    assert table.horizontalHeaderItem(5).text() == "Volumes\nmm³"
    assert table.item(1, 5).toolTip() == (
        "model: 36.0 mm³\nEA: 36.0 mm³\nDifference: +0.0 % of the second"
    )


def test_new_scores_of_the_same_pairs_change_the_cells_in_place(shown):
    table = shown()
    cell = table.item(1, 1)
    shown(predicted=TRUTH)
    assert table.item(1, 1) is cell
    assert cell.text() == "1.000"


def test_other_pairs_leave_nothing_of_those_before(shown):
    shown(truths={"EA": TRUTH, "MG": PREDICTED})
    table = shown(truths={"MG": TRUTH}, label_names={1: "tumour"})
    assert [row[0] for row in texts(table)] == ["Prediction against MG", "tumour"]
    assert table.rowSpan(1, 0) == table.columnSpan(1, 0) == 1


def test_it_does_not_scroll_sideways_in_a_narrow_dock(shown, qtbot):
    table = shown(label_names={1: "a label with a very long name", 2: "rim"})
    table.resize(340, table.height())
    table.show()
    assert table.horizontalHeader().length() <= table.viewport().width()


def test_of_very_many_labels_the_first_are_shown_and_all_are_copied(shown):
    cells = np.arange(400, dtype=np.uint16).reshape(4, 10, 10)
    table = shown(predicted=cells, truths={"EA": cells}, label_names={})
    assert table.rowCount() == 1 + MOST_LABELS
    assert len(table.text().splitlines()) == 1 + 399


def test_ctrl_c_copies_the_whole_table_for_a_spreadsheet(shown):
    table = shown(truths={"EA": TRUTH, "MG": PREDICTED})
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = pd.read_csv(io.StringIO(QGuiApplication.clipboard().text()), sep="\t")
    assert len(copied) == 6
    assert copied["first"].tolist() == ["model"] * 4 + ["EA"] * 2
    assert copied["dice"][0] == pytest.approx(5 / 6, abs=1e-6)
    assert copied["predicted_size"][0] == 36
    assert set(copied["size_unit"]) == {"mm³"}
