"""The export of the Segment dock, pressed in a real viewer, by the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from specimen_unet.engine.model import Model
from specimen_unet.engine.networks import build_network
from specimen_unet.files.library import library_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

pytestmark = [pytest.mark.viewer, pytest.mark.usefixtures("one_core")]

LONG = 120_000


@pytest.fixture
def dock(
    make_napari_viewer_proxy: Callable[..., Any], make_card: Callable[..., Any]
) -> Any:
    """Open the Segment dock, with a model in the library and a specimen to segment."""
    card = make_card(3)
    library_folder().mkdir(parents=True, exist_ok=True)
    model = Model(build_network(card.plan).eval(), card)
    model.save(library_folder() / "tumour.safetensors")
    viewer = make_napari_viewer_proxy(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Segment")
    return dock


def click(qtbot: QtBot, control: Any) -> None:
    qtbot.waitUntil(control.native.isVisible)
    assert control.native.isEnabled()
    qtbot.mouseClick(control.native, Qt.MouseButton.LeftButton)


def test_pressed_it_writes_the_folder_and_says_where(
    dock: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path)
    )
    part = dock.export
    click(qtbot, part.fold)
    click(qtbot, part.export)
    assert part.is_active
    assert not part.export.native.isEnabled()
    qtbot.waitUntil(lambda: not part.is_active, timeout=LONG)
    folder = tmp_path / "tumour-monai-bundle"
    assert str(folder) in part.result.value
    assert part.result.native.isVisible()
    assert "3D UNet" in (folder / "docs" / "README.md").read_text("utf-8")
    assert (folder / "models" / "model.ts").stat().st_size > 0

    # Pressed again, it replaces nothing without being told to.
    click(qtbot, part.export)
    qtbot.waitUntil(lambda: not part.is_active, timeout=LONG)
    assert "exists" in part.problem.value
    assert part.problem.native.isVisible()
    part.form.control("force").value = True
    click(qtbot, part.export)
    qtbot.waitUntil(lambda: not part.is_active, timeout=LONG)
    assert not part.problem.value
    assert str(folder) in part.result.value


def test_a_folder_that_is_not_chosen_writes_nothing(
    dock: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    click(qtbot, dock.export.fold)
    click(qtbot, dock.export.export)
    assert not dock.export.is_active
    assert not dock.export.result.value
