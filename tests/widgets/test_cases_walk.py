"""From a folder to a model, and to labels with their Dice, in a real viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from specimen_unet.files.images import write_image, write_labels
from specimen_unet.widgets.cases_dock import CasesDock
from specimen_unet.widgets.dock_opening import open_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = [pytest.mark.viewer, pytest.mark.usefixtures("one_core")]

LONG = 120_000


@pytest.fixture
def folder(tmp_path: Path, blob_cases: list[Case]) -> Path:
    """Return a folder of four small cases, in 2D and in 3D, and a damaged image."""
    root = tmp_path / "specimens"
    for case in blob_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(root / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    (root / "broken.tif").write_bytes(b"")
    return root


def press(button: Any) -> None:
    assert button.native.isEnabled()
    button.native.click()


def test_from_a_folder_to_a_model_and_to_labels_with_their_dice(
    folder: Path,
    make_napari_viewer_proxy: Callable[..., Any],
    spatial: tuple[int, ...],
    qtbot: QtBot,
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    dock = open_dock(viewer, CasesDock, "Cases")
    dock.show_folder(folder)
    qtbot.waitUntil(lambda: dock.table is not None, timeout=LONG)
    dock.table.mark(dock.table.rows[:1], split="test")
    dock.shelf.view.selectRow(1)
    qtbot.waitUntil(lambda: "blob 1 EA" in viewer.layers, timeout=LONG)

    press(dock.work.train)
    train = viewer.window.dock_widgets["Train (Specimen U-Net)"]
    assert "4 cases of specimens" in train.set_up.chosen.told.value
    patch = ", ".join(map(str, (8, 16, 16)[-len(spatial) :]))
    small = {"channels": "8, 16", "patch": patch, "batch": "2", "minutes": 0.1}
    for name, value in small.items():
        train.set_up.form.control(name).value = value
    plan = train.set_up.plan
    qtbot.waitUntil(lambda: "0.1 min" in plan.forecast.value, timeout=LONG)
    assert "1 case is marked for test" in plan.caution.value
    press(train.set_up.train)
    qtbot.waitUntil(lambda: train.result.path is not None, timeout=LONG)
    stored = {case.name: case.split for case in train._last.cases()}
    assert stored == {"blob 0": "test", "blob 1": "", "blob 2": "", "blob 3": ""}

    press(dock.work.segment)
    segment = viewer.window.dock_widgets["Segment (Specimen U-Net)"]
    segment.choose_model(train.result.path)
    press(segment.segment)
    qtbot.waitUntil(lambda: not segment.is_active, timeout=LONG)
    assert "4 of 5 cases segmented" in segment.cases.status.value
    assert "broken.tif" in segment.cases.failed.lines.toPlainText()
    qtbot.waitUntil(
        lambda: "blob 1 - " in " ".join(x.name for x in viewer.layers), timeout=LONG
    )

    dock.native.parent().raise_()
    dock.shelf.need("score")
    rows = [row for row in dock.table.rows if row.can_score]
    qtbot.waitUntil(lambda: not any(r.lacks("score") for r in rows), timeout=LONG)
    assert len(rows) == 4
    assert min(float(dock.table.text(row, "dice")) for row in rows) > 0.5
    assert sorted(p.name for p in folder.glob("*specimens-*")) == sorted(
        f"{row.name}_{train.result.path.stem}.tif" for row in rows
    )


def test_the_menu_opens_the_dock(
    make_napari_viewer_proxy: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer_proxy()
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Cases")
    assert isinstance(dock, CasesDock)
