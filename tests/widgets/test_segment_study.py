"""All models of a study together, chosen in the Segment dock as one model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import specimen_unet as su
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import read_labels, write_image
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.segment_files import models_of
from specimen_unet.runs.study import StudyFolder
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.segment_dock import SegmentDock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = [pytest.mark.slow, pytest.mark.viewer, pytest.mark.usefixtures("one_core")]

LONG = 120_000


@pytest.fixture(scope="module")
def fold_models(make_blob_case: Callable[..., Case]) -> dict[int, list[su.Model]]:
    """Train two models in 2D and two in 3D that do not see quite the same."""
    shapes = {2: (32, 32), 3: (8, 32, 32)}
    return {
        dimensions: [
            su.train(
                [make_blob_case(shape, seed=3 * fold + n) for n in range(3)],
                dimensions=dimensions, ending="steps", steps=6 + 4 * fold,
                channels=(4, 8), patch=(8, 16, 16)[-dimensions:], batch=2,
                seed=fold, device="cpu",
            )
            for fold in range(2)
        ]
        for dimensions, shape in shapes.items()
    }  # fmt: skip


@pytest.fixture
def study(
    fold_models: dict[int, list[su.Model]], blob_cases: list[Case]
) -> StudyFolder:
    """Return a study of two folds where runs are kept, with its models."""
    path = runs_folder() / "specimens-study"
    study = StudyFolder.create(path, blob_cases, TrainingSettings(), folds=2)
    for fold, model in enumerate(fold_models[blob_cases[0].grid.dimensions]):
        study.run(fold)
        model.save(study.path / f"fold-{fold}" / "model.safetensors")
    return study


@pytest.fixture
def open_viewer(
    make_napari_viewer_proxy: Callable[..., Any],
) -> Callable[[], tuple[Any, SegmentDock]]:
    def open_viewer() -> tuple[Any, SegmentDock]:
        viewer = make_napari_viewer_proxy(show=True)
        return viewer, open_dock(viewer, SegmentDock, "Segment")

    return open_viewer


def expected(study: StudyFolder, case: Case) -> np.ndarray[Any, Any]:
    """Return what a script gets; no model alone gives the same."""
    models = [su.load_model(path) for path in study.model_paths]
    together = su.segment(case, models, device="cpu").labels
    for model in models:
        assert (su.segment(case, model, device="cpu").labels != together).any()
    return together


def test_a_click_adds_what_the_models_of_a_study_see_together(
    open_viewer: Callable[[], tuple[Any, SegmentDock]],
    study: StudyFolder,
    blob_cases: list[Case],
    qtbot: QtBot,
) -> None:
    viewer, dock = open_viewer()
    case = blob_cases[0]
    frame = {"scale": case.grid.spacing, "units": ["mm"] * len(case.shape)}
    viewer.add_image(case.image[0], name="032", **frame)
    title = dock.model.box.native.currentText()
    assert title == "Study specimens-study: 2 models together"
    assert "2 models together" in dock.model.summary.value
    assert not dock.export.visible
    dock.form.control("device").value = "cpu"
    dock.segment.native.click()
    qtbot.waitUntil(lambda: not dock.is_active, timeout=LONG)
    assert dock.problem.value == ""
    labels = viewer.layers["032 - specimens-study"]
    np.testing.assert_array_equal(labels.data, expected(study, case))


def test_cases_of_a_folder_are_segmented_by_a_study(
    open_viewer: Callable[[], tuple[Any, SegmentDock]],
    study: StudyFolder,
    blob_cases: list[Case],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    for case in blob_cases[:2]:
        write_image(tmp_path / "cases" / f"{case.name}.tif", case.image[0], case.grid)
    table = CaseTable(CaseFolder.open(tmp_path / "cases"))
    _, dock = open_viewer()
    dock.choose_cases(table.chosen(table.rows))
    heard: list[Any] = []
    dock.cases.written.connect(lambda *told: heard.append(told[-1]))
    dock.form.control("device").value = "cpu"
    dock.segment.native.click()
    qtbot.waitUntil(lambda: len(heard) == 2 and not dock.is_active, timeout=LONG)
    labels, _ = read_labels(tmp_path / "cases" / "blob 0_specimens-study.tif")
    np.testing.assert_array_equal(labels, expected(study, blob_cases[0]))
    hashes = [model.sha256 for model in models_of([study.path])]
    assert [model.sha256 for model in heard[0].models] == hashes
    assert heard[0].model == "2 models together"

    dock.segment.native.click()
    qtbot.waitUntil(lambda: not dock.is_active, timeout=LONG)
    assert "2 segmented before by this model" in dock.cases.status.value
