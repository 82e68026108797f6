"""Cases of a folder in, a study out: chosen, read, refused, left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from specimen_unet.domain.study_choices import StudyChoices
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.widgets import crossvalidation_set_up
from specimen_unet.widgets.crossvalidate_dock import CrossvalidateDock
from specimen_unet.widgets.study_making import StudyMaking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case


@pytest.fixture
def table(tmp_path: Path, blob_cases: list[Case]) -> CaseTable:
    """Return a table of four cases, in 2D and in 3D."""
    root = tmp_path / "specimens"
    for case in blob_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(root / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    return CaseTable(CaseFolder.open(root))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Only note which studies the engine shall run."""
    asked: list[str] = []
    monkeypatch.setattr(
        "specimen_unet.widgets.job.Job.crossvalidate",
        lambda _, path: asked.append(str(path)),
    )
    return asked


@pytest.fixture
def dock(viewer, qtbot, asked, played_engine, monkeypatch) -> Iterator[Any]:
    monkeypatch.setattr(
        "specimen_unet.widgets.job.worker_command", lambda: played_engine()
    )
    dock = CrossvalidateDock(viewer)
    qtbot.addWidget(dock.native)
    dock.native.show()
    yield dock
    dock.set_up.making.leave()
    dock.job.shutdown()


def choose(dock: Any, table: CaseTable, folds: int = 2) -> None:
    dock.choose_cases(table.chosen(table.rows))
    dock.set_up.form.control("study_folds").value = folds


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def test_without_cases_it_says_where_they_come_from(dock):
    assert "Cases dock" in dock.set_up.told.value
    assert not dock.set_up.start.enabled
    assert not dock.panel.visible


def test_start_makes_a_study_of_the_chosen_cases_and_runs_it(dock, table, asked, qtbot):
    table.mark(table.rows[:1], group="P7")
    choose(dock, table)
    dock.set_up.form.control("minutes").value = 3
    assert dock.set_up.time.value == "2 models, one after the other: 6 min."
    dock.set_up.start.native.click()
    assert dock.is_active
    qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    study = StudyFolder.open(dock.study.path)
    assert asked == [str(study.path)]
    assert study.path.parent == runs_folder()
    assert study.name.startswith("specimens-study_20")
    assert study.folds == 2
    assert study.record.settings.minutes == 3
    assert study.record.settings.folds == 5  # of what a fold learns from
    assert {case.name: case.group for case in study.record.cases}["blob 0"] == "P7"
    assert not dock.set_up.visible
    assert dock.panel.is_running
    assert not dock.back.visible


def test_it_is_kept_where_a_person_says(dock, table, asked, qtbot, tmp_path):
    choose(dock, table)
    dock.set_up.keep_in(tmp_path / "studies")
    assert str(tmp_path / "studies") in dock.set_up.place.value
    dock.set_up.start.native.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    assert dock.study.path.parent == tmp_path / "studies"


def test_a_folder_that_cannot_be_written_is_told(dock, table, qtbot, tmp_path):
    (tmp_path / "file").write_text("no folder")
    choose(dock, table)
    dock.set_up.keep_in(tmp_path / "file")
    dock.set_up.start.native.click()
    qtbot.waitUntil(lambda: bool(dock.set_up.problem.value), timeout=20_000)
    assert "choose another folder" in dock.set_up.problem.value
    assert dock.set_up.start.visible


def test_too_few_groups_are_told_before_anything_is_read(dock, table):
    choose(dock, table, folds=5)
    assert "choose 2 to 4 folds" in dock.set_up.problem.value
    assert not dock.set_up.start.enabled
    dock.set_up.form.control("study_folds").value = 4
    assert not dock.set_up.problem.visible
    assert dock.set_up.start.enabled


def test_settings_that_are_none_are_told(dock, table):
    choose(dock, table)
    dock.set_up.form.control("channels").value = "many"
    assert "Channels cannot be 'many'" in dock.set_up.form["form_problem"].value
    assert not dock.set_up.start.enabled


def test_cases_for_test_are_counted(dock, table):
    table.mark(table.rows[:1], split="test")
    choose(dock, table)
    assert "1 of them is marked for test" in dock.set_up.told.value
    dock.set_up.form.control("study_folds").value = 4
    assert "choose 2 to 3 folds" in dock.set_up.problem.value


def test_a_case_that_cannot_be_read_is_named_and_leaves_nothing(
    dock, table, asked, qtbot
):
    (table.folder.listing.root / "blob 2.tif").write_bytes(b"")
    choose(dock, table)
    dock.set_up.start.native.click()
    qtbot.waitUntil(lambda: bool(dock.set_up.problem.value), timeout=20_000)
    assert "blob 2.tif" in dock.set_up.problem.value
    assert not asked
    assert left_in(runs_folder()) == []
    assert dock.set_up.start.enabled


def test_reading_can_be_stopped_and_leaves_nothing(dock, table, asked, qtbot):
    choose(dock, table)
    dock.set_up.start.native.click()
    dock.set_up.stop.native.click()
    assert not dock.is_active
    assert dock.set_up.start.visible
    qtbot.wait(300)
    assert not asked
    assert left_in(runs_folder()) == []


def test_a_reading_that_is_left_ends_at_the_next_case(table, qtbot, tmp_path):
    making = StudyMaking()
    read = []
    making.progressed.connect(lambda *told: read.append(told))
    chosen = table.chosen(table.rows)
    reading = chosen.read()
    making.make(chosen, StudyChoices(study_folds=2), tmp_path / "out" / "s")
    making._reading.is_left = True
    qtbot.waitUntil(lambda: not making.is_active, timeout=20_000)
    assert left_in(tmp_path / "out") == []
    assert read[0] == (0, 4)
    reading.close()


def test_what_is_under_way_is_not_given_up_for_other_cases(dock, table, asked, qtbot):
    choose(dock, table)
    dock.set_up.start.native.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    before = dock.study
    dock.choose_cases(table.chosen(table.rows[:2]))
    assert "under way" in dock.problem.value
    assert dock.study is before


def test_a_study_that_was_begun_can_be_gone_on_with(
    dock, table, asked, qtbot, monkeypatch, tmp_path
):
    chosen = [*table.chosen(table.rows).read()]
    training = StudyChoices().training
    study = StudyFolder.create(tmp_path / "earlier", chosen, training, folds=2)
    choosing = crossvalidation_set_up.QFileDialog
    monkeypatch.setattr(choosing, "getExistingDirectory", lambda *_: str(tmp_path))
    dock.set_up.go_on.native.click()
    assert "is not a study" in dock.set_up.problem.value
    monkeypatch.setattr(choosing, "getExistingDirectory", lambda *_: str(study.path))
    dock.set_up.go_on.native.click()
    assert dock.panel.title.value == "Cross-validation: earlier"
    assert dock.back.visible
    assert asked == []
    dock.panel.start.native.click()
    assert asked == [str(study.path)]
    assert not dock.back.visible


def test_a_failure_is_told_and_leads_back(dock, table, asked, qtbot):
    from specimen_unet.domain.events import Failed

    choose(dock, table)
    dock.set_up.start.native.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    dock.job.failed.emit(Failed("PlanError", "The patch has 3 numbers."))
    assert dock.panel.problem.value == "The patch has 3 numbers."
    dock.back.native.click()
    assert dock.set_up.visible
    assert dock.set_up.start.enabled
    assert not dock.panel.visible
