"""What a report of open layers says, and that it is what the terminal says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels

from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import GridMismatchError, NoAnnotationError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_labels
from specimen_unet.runs.report import write_report
from specimen_unet.runs.report_files import report_of_files
from specimen_unet.runs.surface_job import SurfaceJob
from specimen_unet.runs.surface_scores import measure_job
from specimen_unet.widgets.report_content import (
    ReportedLayers,
    content_of_layers,
    surface_report,
)

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Annotation
    from specimen_unet.widgets.report_content import SurfaceReport

NUMBERS = (1, 2, 3)


def reported(viewer, annotation: Annotation = "everywhere") -> ReportedLayers:
    def layers(kind: type) -> list:
        return [layer for layer in viewer.layers if isinstance(layer, kind)]

    return ReportedLayers(
        viewer.layers["specimen 01 - m"],
        [viewer.layers["specimen 01_EA"], viewer.layers["specimen 01_MG"]],
        images=layers(Image),
        labels=layers(Labels),
        annotation=annotation,
    )


def copied(report: SurfaceReport, folder: Path) -> dict[str, SurfaceJob]:
    return {
        name: SurfaceJob.create(folder, comparison, report.tolerance)
        for name, comparison in report.comparisons()
    }


def measured(copies: dict[str, SurfaceJob]) -> dict[str, SurfaceJob]:
    """Do what the engine does."""
    for copy in copies.values():
        for _ in measure_job(copy):
            pass
    return copies


def paint(viewer) -> None:
    """Paint over all labels that are open."""
    for layer in viewer.layers:
        if isinstance(layer, Labels):
            layer.data[:] = 1


def test_with_distances_it_says_what_the_terminal_says_of_the_same_voxels(
    three_specimens, tmp_path
):
    layers, truths = three_specimens.layers, []
    for name in ("EA", "MG"):
        truths.append(tmp_path / "drawn" / name)
        for number in NUMBERS:
            write(layers[f"specimen 0{number}_{name}"], truths[-1], number)
    for number in NUMBERS:
        write(layers[f"specimen 0{number} - m"], tmp_path / "predicted", number)
    settings = ComparisonSettings(tolerance=0.75)
    report_of_files(tmp_path / "predicted", truths, tmp_path / "t.html", settings)

    report = surface_report(reported(three_specimens), 0.75)
    copies = copied(report, tmp_path / "copies")
    paint(three_specimens)  # while it is measured
    write_report(report.measured(measured(copies)), tmp_path / "d.html")

    for table in ("scores", "summary", "cases", "sizes"):
        # The terminal's files do not tell what the label is called.
        found, wanted = (
            pd.read_csv(tmp_path / f"{page}-{table}.csv").drop(
                columns=["name", "lowest_label"], errors="ignore"
            )
            for page in ("d", "t")
        )
        pd.testing.assert_frame_equal(found, wanted)
    scores = pd.read_csv(tmp_path / "d-scores.csv")
    assert {"hd95", "mean_surface_distance", "surface_dice"} <= set(scores)
    assert scores["hd95"].notna().all()
    pages = [(tmp_path / f"{page}.html").read_text("utf-8") for page in ("d", "t")]
    for said in ("HD95 (mm)", "Mean surface distance (mm)", "within 0.75 mm of"):
        assert [said in page for page in pages] == [True, True], said


def write(layer: Labels, folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"specimen 0{number}.tif"
    write_labels(path, layer.data, Grid(tuple(layer.scale), "mm"))


def test_its_pictures_are_of_the_voxels_that_were_measured(three_specimens, tmp_path):
    before = {layer.name: np.array(layer.data) for layer in three_specimens.layers}
    report = surface_report(reported(three_specimens), None)
    copies = copied(report, tmp_path)
    paint(three_specimens)
    view = report.measured(measured(copies)).view_of("specimen 02")
    np.testing.assert_array_equal(view.predicted, before["specimen 02 - m"])
    np.testing.assert_array_equal(view.truths["MG"], before["specimen 02_MG"])
    np.testing.assert_array_equal(view.image[0], before["specimen 02"])
    assert view.grid == Grid((2.0, 0.5, 0.5), "mm")


def test_without_a_tolerance_there_is_no_surface_dice(three_specimens, tmp_path):
    report = surface_report(reported(three_specimens), None)
    scores = report.measured(measured(copied(report, tmp_path))).scores
    assert "hd95" in scores
    assert "surface_dice" not in scores


@pytest.mark.parametrize("annotation", ["slices", "painted"])
def test_what_is_partly_annotated_has_no_distances_but_a_report(
    three_specimens, annotation
):
    with pytest.raises(NoAnnotationError, match=r"only where .* Or untick surface"):
        surface_report(reported(three_specimens, annotation), 1.0)
    content = content_of_layers(reported(three_specimens, annotation))
    assert content.annotation == annotation
    assert "hd95" not in content.scores


def test_cases_in_different_units_have_no_common_tolerance(three_specimens):
    for layer in three_specimens.layers:
        if "specimen 02" in layer.name:
            layer.units = ("um",) * 3
    told = r"mm \(specimen 01 and specimen 03\); um \(specimen 02\).* untick surface"
    with pytest.raises(GridMismatchError, match=told):
        surface_report(reported(three_specimens), 1.0)
    assert len(content_of_layers(reported(three_specimens)).scores) == 9
