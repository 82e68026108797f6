"""Walk through napari as a person does: menus, buttons, waiting, photographs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari

SIZE = (1500, 950)
LONGEST = 3600.0
SAMPLES = ("File", "Open Sample", "Specimen U-Net")
DOCKS = ("Plugins", "Specimen U-Net")


def new_viewer() -> napari.Viewer:
    """Open a viewer of the size of the pictures."""
    import napari

    viewer = napari.Viewer(title="napari")
    viewer.theme = "dark"
    viewer.window.resize(*SIZE)
    settle()
    return viewer


def choose(viewer: napari.Viewer, *texts: str) -> None:
    """Choose an entry of the menus by what is written there."""
    menu: Any = viewer.window.main_menu
    for text in texts:
        menu.aboutToShow.emit() if hasattr(menu, "aboutToShow") else None
        entries = {action.text().replace("&", ""): action for action in menu.actions()}
        if text not in entries:
            sys.exit(f"There is no {text!r} in the menu, only {', '.join(entries)}.")
        action = entries[text]
        menu = action.menu()
    action.trigger()
    settle()


def open_dock(viewer: napari.Viewer, name: str) -> Any:
    """Open a dock by the menu."""
    choose(viewer, *DOCKS, f"{name} (Specimen U-Net)")
    return viewer.window.dock_widgets[f"{name} (Specimen U-Net)"]


def press(button: Any) -> None:
    """Press a button of a dock."""
    button.native.click()
    settle()


def hide(viewer: napari.Viewer, *names: str) -> None:
    """Hide layers."""
    for name in names:
        viewer.layers[name].visible = False


def show_outlines(*layers: Any) -> None:
    """Show labels layers as outlines that the image is seen through."""
    for layer in layers:
        layer.visible = True
        layer.contour = 2
        layer.opacity = 1.0


def show_largest_slice(viewer: napari.Viewer, labels: Any) -> None:
    """Go to the slice with most labels."""
    position = int((labels.data > 0).sum(axis=(1, 2)).argmax())
    viewer.dims.set_current_step(0, position)


def photograph(viewer: napari.Viewer, path: Path, *, reset: bool = True) -> None:
    """Save a picture of the whole window, with all of the image in view."""
    viewer.window.activate()
    settle()
    if reset:
        viewer.reset_view()
    settle()
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(f"Saved {path}")


def settle() -> None:
    """Let Qt draw what has changed."""
    from qtpy.QtWidgets import QApplication

    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.01)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Let the viewer live until something is so."""
    from qtpy.QtWidgets import QApplication

    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > LONGEST:
            raise TimeoutError(f"Waited {LONGEST:g} s for {what} in vain.")
        QApplication.processEvents()
        time.sleep(0.02)
    settle()
