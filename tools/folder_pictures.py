"""Pictures of a study: a folder of specimens, cross-validated, compared, measured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from walking import (
    SAMPLES,
    choose,
    hide,
    new_viewer,
    open_dock,
    photograph,
    press,
    settle,
    show_largest_slice,
    show_outlines,
    until,
)

if TYPE_CHECKING:
    import napari

SPECIMENS = 6
STUDY = {
    "study_folds": 3,
    "ending": "steps",
    "steps": 60,
    "spacing": "0.5, 0.3, 0.3",
    "patch": "40, 56, 56",
    "batch": "2",
    "residual_units": "0",
}


def in_a_folder(folder: Path) -> None:
    """Look through a folder, cross-validate it, compare open cases, measure."""
    with tempfile.TemporaryDirectory(prefix="specimens-") as place:
        models = a_study(Path(place) / "specimens", folder)
        all_open_cases(models[0], folder)
    margins(folder)


def a_study(specimens: Path, folder: Path) -> list[Path]:
    """Photograph the Cases dock and a cross-validation; return its models."""
    from specimen_unet.runs.phantom_files import phantoms

    phantoms(specimens, SPECIMENS)
    viewer = new_viewer()
    cases = open_dock(viewer, "Cases")
    cases.show_folder(specimens)
    until(lambda: cases.table is not None, "the table")
    mark_as_one(cases, 2, "patient 1")
    press(cases.work.validate)
    study = viewer.window.dock_widgets["Cross-validate (Specimen U-Net)"]
    for name, value in STUDY.items():
        study.set_up.form.control(name).value = value
    settle()
    press(study.set_up.start)
    until(lambda: study.study is not None and not study.is_active, "the folds")
    models = list(study.study.model_paths)

    press(study.predictions)
    cases.shelf.need("score")
    until(lambda: not any(row.lacks("score") for row in cases.table.rows), "the Dice")
    worst_first(cases.shelf.view)
    until(lambda: len(viewer.layers) > 3, "the worst case")
    show_largest_slice(viewer, viewer.layers[1])
    show_outlines(*viewer.layers[1:])
    photograph(viewer, folder / "cases.png")
    study.native.parent().raise_()
    photograph(viewer, folder / "crossvalidate.png")
    viewer.close()
    return models


def mark_as_one(cases: Any, count: int, group: str) -> None:
    """Select the first cases of the table, and put them into one group."""
    from qtpy.QtCore import QItemSelectionModel, Qt
    from qtpy.QtTest import QTest

    view, flag = cases.shelf.view, QItemSelectionModel.SelectionFlag
    view.clearSelection()
    for row in range(count):
        view.selectionModel().select(
            view.model().index(row, 0), flag.Select | flag.Rows
        )
    cases.marks.group.value = group
    QTest.keyClick(cases.marks.group.native, Qt.Key.Key_Return)
    view.clearSelection()  # else only these would be worked on
    settle()


def worst_first(view: Any) -> None:
    """Sort a table of cases by Dice, and click on the worst."""
    from qtpy.QtCore import Qt

    from specimen_unet.files.case_table import COLUMNS

    view.sortByColumn(COLUMNS.index("dice"), Qt.SortOrder.AscendingOrder)
    view.selectRow(0)


def all_open_cases(model: Path, folder: Path) -> None:
    """Segment four specimens and photograph the scores of all."""
    viewer = new_viewer()
    choose(viewer, *SAMPLES, "Four ex-vivo specimens (3D, to learn from)")
    images = [layer for layer in viewer.layers if type(layer).__name__ == "Image"]
    segment = open_dock(viewer, "Segment")
    segment.choose_model(model)
    for number, image in enumerate(images, start=1):
        segment.image.value = image
        until(lambda: segment.segment.enabled, "a model that fits")
        press(segment.segment)
        count = len(images) * 3 + number
        until(
            lambda n=count: len(viewer.layers) == n and not segment.is_active, "labels"
        )
    close_dock(viewer, "Segment")
    compare = open_dock(viewer, "Compare")
    compare.folds[2].unfold()
    compare.cases.button.click()
    until(lambda: not compare.is_busy, "the scores of all cases")
    compare.cases.table.cellClicked.emit(0, 0)  # the worst
    until(lambda: not compare.is_busy, "its scores")
    scroll_to(compare.report)
    photograph(viewer, folder / "compare-all.png")
    viewer.close()


def margins(folder: Path) -> None:
    """Photograph sizes and margins of a specimen whose tissue is outlined, too."""
    viewer = new_viewer()
    choose(viewer, *SAMPLES, "Another ex-vivo specimen (3D, to segment)")
    image, tumour, other = viewer.layers
    tissue = viewer.add_labels(
        tissue_of_specimen(11),
        name="specimen",
        scale=image.scale,
        units=image.units,
    )
    hide(viewer, other.name)
    show_largest_slice(viewer, tumour)
    viewer.layers.selection.active = tumour
    measure = open_dock(viewer, "Measure")
    until(lambda: not measure.is_busy, "sizes")
    measure.margin.show_button.click()
    until(lambda: not measure.is_busy, "the margins")
    hide(viewer, tissue.name)
    measure.margin.go_button.click()
    photograph(viewer, folder / "measure.png")
    viewer.close()


def tissue_of_specimen(seed: int) -> np.ndarray:
    """Return all tissue of a sample, as somebody would have outlined it: 1."""
    from specimen_unet.domain.phantom_fields import Canvas
    from specimen_unet.domain.phantom_specimen import grow_specimen
    from specimen_unet.domain.phantoms import SPECIMEN_FIELD

    shape = (39, 221, 200)
    spacing = tuple(mm / n for mm, n in zip(SPECIMEN_FIELD, shape, strict=True))
    canvas = Canvas(shape, spacing, np.random.default_rng(seed))
    return (grow_specimen(canvas).depth > 0).astype(np.uint8)


def close_dock(viewer: napari.Viewer, name: str) -> None:
    """Close a dock, that others have room."""
    dock = viewer.window.dock_widgets[f"{name} (Specimen U-Net)"]
    viewer.window.remove_dock_widget(dock.native)
    settle()


def scroll_to(part: Any) -> None:
    """Scroll a dock until a part of it is seen."""
    from qtpy.QtWidgets import QScrollArea

    parent = part.parent()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parent()
    if parent is not None:
        parent.ensureWidgetVisible(part)
    settle()
