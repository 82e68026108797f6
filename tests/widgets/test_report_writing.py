"""ReportWriting: a page of what is open, with distances between surfaces or without."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from specimen_unet.runs.folder import runs_folder
from specimen_unet.widgets.report_content import ReportedLayers
from specimen_unet.widgets.report_writing import ReportWriting
from specimen_unet.widgets.surface_work import MEASURING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton


class Open:
    """What is open; a person may say what 0 means."""

    def __init__(self, viewer) -> None:
        self.viewer = viewer
        self.annotation = "everywhere"

    def __call__(self) -> ReportedLayers:
        layers = self.viewer.layers
        return ReportedLayers(
            layers["specimen 01 - m"],
            [layers["specimen 01_EA"], layers["specimen 01_MG"]],
            images=[layer for layer in layers if isinstance(layer, Image)],
            labels=[layer for layer in layers if isinstance(layer, Labels)],
            annotation=self.annotation,
        )


@pytest.fixture
def opened(three_specimens) -> Open:
    return Open(three_specimens)


@pytest.fixture
def part(opened, qtbot) -> Iterator[ReportWriting]:
    part = ReportWriting(opened)
    qtbot.addWidget(part)
    part.show()
    part.take_tolerance(0.75, "mm")
    yield part
    part.leave()


@pytest.fixture
def chosen_path(monkeypatch, tmp_path) -> Path:
    """Where a person says that the report should go."""
    path = tmp_path / "r.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    return path


def settle(qtbot, part: ReportWriting) -> None:
    qtbot.waitUntil(lambda: not part.is_busy, timeout=90_000)


def copies() -> list:
    folder = runs_folder() / MEASURING
    return list(folder.iterdir()) if folder.is_dir() else []


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_with_surfaces_it_is_of_the_voxels_at_its_start_and_leaves_nothing(
    part, opened, chosen_path, qtbot
):
    part.write(chosen_path)
    settle(qtbot, part)
    wanted = pd.read_csv(chosen_path.with_name("r-scores.csv"))
    assert "hd95" not in wanted

    told = []
    part.work.progressed.connect(lambda _: told.append(part.note.value))
    part.work.progressed.connect(lambda _: paint(opened.viewer))
    part.surfaces.setChecked(True)
    QTest.mouseClick(part.button, LEFT)
    assert part.button.text() == "Stop"
    settle(qtbot, part)
    assert part.note.value == f"Written: {chosen_path}"
    assert part.button.text() == "Write a report…"
    assert part.open_button.isVisible()
    case = "Measuring surfaces. Case 3 of 3, specimen 03"
    assert told[-4:] == [
        f"{case}…",
        *(f"{case} · pair {pair} of 3 measured" for pair in (1, 2, 3)),
    ]
    found = pd.read_csv(chosen_path.with_name("r-scores.csv"))
    pd.testing.assert_frame_equal(found[wanted.columns], wanted)
    assert found["surface_dice"].between(0, 1).all()
    assert found["distance_unit"].unique().tolist() == ["mm"]
    assert "within 0.75 mm of the other" in chosen_path.read_text("utf-8")
    assert copies() == []


def paint(viewer) -> None:
    for layer in viewer.layers:
        if isinstance(layer, Labels):
            layer.data[:] = 1


def test_without_surfaces_no_engine_is_started(part, chosen_path, qtbot):
    QTest.mouseClick(part.button, LEFT)
    settle(qtbot, part)
    assert part.written == chosen_path
    assert part.work.job is None


@pytest.mark.usefixtures("idle_engine")
def test_it_can_be_stopped_at_once_and_asked_for_again(part, chosen_path, qtbot):
    part.surfaces.setChecked(True)
    for _ in range(2):
        QTest.mouseClick(part.button, LEFT)
        qtbot.waitUntil(lambda: "Case 1 of 3" in part.note.value)
        assert len(copies()) == 1
        QTest.mouseClick(part.button, LEFT)
        assert not part.is_busy
        assert part.note.value == "Stopped: no report was written."
        assert copies() == []
    assert not list(chosen_path.parent.glob("r*"))
    part.surfaces.setChecked(False)
    QTest.mouseClick(part.button, LEFT)
    settle(qtbot, part)
    assert part.written == chosen_path


@pytest.mark.usefixtures("dead_engine")
def test_what_goes_wrong_is_told_with_a_way_out(part, chosen_path, qtbot):
    part.surfaces.setChecked(True)
    QTest.mouseClick(part.button, LEFT)
    settle(qtbot, part)
    assert "specimen 01: The process of the measuring ended" in part.note.value
    assert "untick surface distances" in part.note.value
    assert part.button.text() == "Write a report…"
    assert not list(chosen_path.parent.glob("r*"))
    assert copies() == []


def test_what_is_partly_annotated_is_refused_before_anybody_is_asked_where_to(
    part, opened, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: asked.append(1) or ("", "")
    )
    opened.annotation = "slices"
    part.open_button.show()  # of an earlier report
    part.surfaces.setChecked(True)
    QTest.mouseClick(part.button, LEFT)
    assert "only where everything is annotated" in part.note.value
    assert "untick surface distances" in part.note.value
    assert not asked
    assert not part.open_button.isVisible()
    part.surfaces.setChecked(False)
    QTest.mouseClick(part.button, LEFT)
    assert asked


@pytest.mark.parametrize(
    "folder",
    [
        "under a file",
        pytest.param(
            "/proc",  # whoever one is, nothing can be written there
            marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux has it"),
        ),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(
    part, qtbot, tmp_path, folder
):
    (tmp_path / "under a file").touch()
    part.surfaces.setChecked(True)
    part.write(tmp_path / folder / "r.html")
    settle(qtbot, part)
    assert "r.html cannot be written" in part.note.value
    assert part.work.job is None
    assert part.button.text() == "Write a report…"
