from __future__ import annotations

import sys

import pytest

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import write_image
from specimen_unet.widgets import case_work_panel, job
from specimen_unet.widgets.case_segmentation import Report
from specimen_unet.widgets.segment_dock import SegmentDock


@pytest.fixture
def chosen(tmp_path, blob_cases):
    for case in blob_cases:
        write_image(tmp_path / "cases" / f"{case.name}.tif", case.image[0], case.grid)
    table = CaseTable(CaseFolder.open(tmp_path / "cases"))
    return table.chosen(table.rows)


@pytest.fixture
def dock(viewer, qtbot, monkeypatch):
    """A Segment dock whose engine never answers."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    monkeypatch.setattr(job, "worker_command", lambda: command)
    dock = SegmentDock(viewer)
    qtbot.addWidget(dock.native)
    dock.native.show()
    yield dock
    dock.job.shutdown()


def test_cases_take_the_place_of_the_layer_until_they_are_let_go(dock, chosen):
    dock.choose_cases(chosen)
    assert "4 cases of cases" in dock.cases.chosen.told.value
    assert dock.segment.text == "Segment these cases"
    assert not dock.image.native.isVisible()
    assert not dock.form.control("probabilities").native.isVisible()
    dock.cases.chosen.layers.native.click()
    assert dock.segment.text == "Segment"
    assert dock.image.native.isVisible()
    assert dock.form.control("probabilities").native.isVisible()


def test_without_a_model_nothing_can_be_segmented(dock, chosen):
    dock.choose_cases(chosen)
    assert not dock.segment.enabled


def test_labels_go_beside_the_images_or_into_a_folder(
    dock, chosen, tmp_path, monkeypatch
):
    panel = dock.cases
    panel.choose(chosen)
    asked = [str(tmp_path / "out"), ""]
    monkeypatch.setattr(
        case_work_panel.QFileDialog, "getExistingDirectory", lambda *_: asked.pop(0)
    )
    assert panel.out is None
    panel.place.native.activated.emit(1)
    assert panel.out == tmp_path / "out"
    assert str(tmp_path / "out") in panel.told_place.value
    panel.place.native.activated.emit(1)  # nothing chosen: it stays
    assert panel.out == tmp_path / "out"
    panel.place.native.activated.emit(0)
    assert panel.out is None
    assert panel.told_place.value == ""


def test_what_came_of_it_is_told_in_a_sentence_and_the_bad_are_listed(dock, chosen):
    panel = dock.cases
    panel.choose(chosen)
    report = Report(9, ["a", "b"], ["c"], {"d": "it is too large"})
    panel.work.ended.emit(report)
    assert panel.status.value == (
        "2 of 9 cases segmented; 1 segmented before by this model; stopped with 5 "
        "left; Segment goes on with them; 1 not segmented, for the reasons below."
    )
    assert "d: it is too large" in panel.failed.lines.toPlainText()
    assert panel.failed.lines.isVisible()
    panel.failed.toggle.native.click()
    assert not panel.failed.lines.isVisible()


def test_the_bar_shows_cases_and_the_time_left(dock, chosen):
    panel = dock.cases
    panel.choose(chosen)
    panel.bar.max = 4000
    panel.work.progressed.emit(Report(4, ["a"], part=0.5, seconds=30))
    assert panel.bar.value == 1500
    assert panel.status.value == "1 of 4 cases · 50 s left"
