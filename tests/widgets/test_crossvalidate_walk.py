"""From a folder to scores of cases not seen, in a real viewer and with real folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.study import StudyFolder
from specimen_unet.widgets.cases_dock import CasesDock
from specimen_unet.widgets.crossvalidate_dock import CrossvalidateDock
from specimen_unet.widgets.dock_opening import open_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = [pytest.mark.viewer, pytest.mark.usefixtures("one_core")]

LONG = 120_000
DOCK = "Cross-validate (Specimen U-Net)"


@pytest.fixture
def folder(tmp_path: Path, blob_cases: list[Case]) -> Path:
    """Return a folder of four small cases, in 2D and in 3D."""
    root = tmp_path / "specimens"
    for case in blob_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(root / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    return root


def press(button: Any) -> None:
    assert button.native.isEnabled()
    button.native.click()


def choose_small(dock: Any, spatial: tuple[int, ...], steps: int) -> None:
    """Train two folds of a few steps."""
    patch = ", ".join(map(str, (8, 16, 16)[-len(spatial) :]))
    small = {"channels": "8, 16", "patch": patch, "batch": "2", "study_folds": 2}
    for name, value in {**small, "ending": "steps", "steps": steps}.items():
        dock.set_up.form.control(name).value = value


def test_from_a_folder_to_the_dice_of_cases_not_seen(
    folder: Path,
    make_napari_viewer_proxy: Callable[..., Any],
    spatial: tuple[int, ...],
    qtbot: QtBot,
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    cases = open_dock(viewer, CasesDock, "Cases")
    cases.show_folder(folder)
    qtbot.waitUntil(lambda: cases.table is not None, timeout=LONG)
    cases.table.mark(cases.table.rows[:1], split="test")
    cases.shelf.view.selectRow(1)
    qtbot.waitUntil(lambda: "blob 1 EA" in viewer.layers, timeout=LONG)

    press(cases.work.validate)
    dock = viewer.window.dock_widgets[DOCK]
    choose_small(dock, spatial, steps=60)
    press(dock.set_up.start)
    qtbot.waitUntil(lambda: dock.study is not None, timeout=LONG)
    assert "marked for test" in dock.panel.warning.value
    qtbot.waitUntil(lambda: not dock.is_active, timeout=LONG)
    assert dock.panel.problem.value == ""
    study = dock.study
    assert study.is_finished
    assert f"'{study.path}'" in dock.together.value

    press(dock.segment)
    segment = viewer.window.dock_widgets["Segment (Specimen U-Net)"]
    assert "2 models together" in segment.model.box.native.currentText()

    press(dock.predictions)
    assert "Dice of 3 cases" in cases.status.value
    assert "dice" in cases.shelf.view.visible_columns()
    cases.shelf.need("score")
    rows = [row for row in cases.table.rows if row.can_score]
    assert [row.name for row in rows] == ["blob 1", "blob 2", "blob 3"]
    qtbot.waitUntil(lambda: not any(r.lacks("score") for r in rows), timeout=LONG)
    scores = study.read_table(study.scores_path).set_index("case")["dice"]
    for row in rows:
        assert row.score.dice == pytest.approx(scores[row.name])
    qtbot.waitUntil(
        lambda: any(x.name.startswith("blob 1 - ") for x in viewer.layers), timeout=LONG
    )


def test_a_study_whose_dock_was_closed_goes_on_from_the_menu_and_finds_its_folder(
    folder: Path, make_napari_viewer_proxy: Callable[..., Any], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    cases = open_dock(viewer, CasesDock, "Cases")
    cases.show_folder(folder)
    qtbot.waitUntil(lambda: cases.table is not None, timeout=LONG)
    spatial = next(cases.table.chosen(cases.table.rows[:1]).read()).shape
    press(cases.work.validate)
    first = viewer.window.dock_widgets[DOCK]
    choose_small(first, spatial, steps=150)
    press(first.set_up.start)
    qtbot.waitUntil(lambda: first.panel.progress.value > 10, timeout=LONG)
    study = StudyFolder.open(first.study.path)
    viewer.window.remove_dock_widget(first.native)
    assert not study.is_finished
    assert study.run(0).has_checkpoint

    # Of the Cases dock nothing is left either.
    viewer.window.remove_dock_widget(cases.native)
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Cross-validate")
    assert isinstance(dock, CrossvalidateDock)
    assert dock is not first
    dock.set_up.open_study(study.path)
    assert dock.panel.start.text == "Go on"
    press(dock.panel.start)
    qtbot.waitUntil(lambda: study.is_finished and not dock.is_active, timeout=LONG)
    steps = [e for e in study.run(0).events() if type(e).__name__ == "StepDone"]
    assert [step.step for step in steps] == list(range(1, 151))
    press(dock.predictions)
    again = viewer.window.dock_widgets["Cases (Specimen U-Net)"]
    qtbot.waitUntil(lambda: again.table is not None, timeout=LONG)
    assert "Dice of 4 cases" in again.status.value
    assert all(row.can_score for row in again.table.rows)
