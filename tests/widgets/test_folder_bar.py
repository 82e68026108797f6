from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.widgets.cases_dock import CasesDock


@pytest.fixture
def dock(viewer, qtbot, tmp_path):
    """A dock that shows two pictures that do not say what a pixel measures."""
    for name in "ab":
        Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    dock = CasesDock(viewer)
    qtbot.addWidget(dock.native)
    dock.native.resize(900, 800)
    dock.native.show()
    dock.show_folder(tmp_path)
    qtbot.waitUntil(lambda: dock.table is not None, timeout=20_000)
    qtbot.waitUntil(lambda: bool(dock.bar.open_words.value), timeout=20_000)
    return dock


def test_what_files_do_not_say_is_asked_and_the_answer_holds_for_all(dock, qtbot):
    assert "what a pixel measures" in dock.bar.open_words.value
    assert dock.bar.answers.native.placeholderText() == "spacing=0.1 0.1 mm"
    before = dock.table
    dock.bar.answers.value = "spacing=0.2 0.1 mm"
    dock.bar.answers.native.returnPressed.emit()
    qtbot.waitUntil(lambda: dock.table is not before, timeout=20_000)
    row = dock.table.rows[0]
    qtbot.waitUntil(lambda: not row.lacks("image"), timeout=20_000)
    assert dock.table.text(row, "spacing") == "0.2 × 0.1 mm"
    assert dock.bar.open_words.value == ""
    assert dock.bar.answers.value == "spacing=0.2 0.1 mm"
    (first, _) = dock.table.chosen(dock.table.rows).read()
    assert first.grid.spacing == (0.2, 0.1)


def test_what_is_no_answer_is_told_and_the_cases_stay(dock, qtbot):
    before = dock.table
    dock.bar.answers.value = "spacing=wide"
    dock.bar.answers.native.returnPressed.emit()
    assert "'wide' is no voxel size" in dock.bar.problem.value
    assert dock.table is before


def test_another_folder_begins_without_answers(dock, tmp_path, qtbot):
    dock.bar.answers.value = "spacing=0.2 mm"
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(other / "c.png")
    before = dock.table
    dock.show_folder(other)
    qtbot.waitUntil(lambda: dock.table is not before, timeout=20_000)
    assert dock.bar.answers.value == ""
    assert dict(dock.table.folder.answers) == {}
