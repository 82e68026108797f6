"""One dock opens another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from magicgui.widgets import Container
from qtpy.QtWidgets import QDockWidget

if TYPE_CHECKING:
    import napari.viewer

Dock = TypeVar("Dock", bound=Container[Any])

_PLUGIN = "Specimen U-Net"


def open_dock(viewer: napari.viewer.Viewer, kind: type[Dock], name: str) -> Dock:
    """Bring a dock to the front; open it beside the others when it is not there.

    napari names docks opened by its menus unlike those opened by
    `add_plugin_dock_widget`, and so would open a second one. This takes the name
    that the menus use, so that they show and hide the same dock.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        With a window.
    kind : type of Container
        Class of the dock; made with the viewer.
    name : str
        Its name in the manifest.

    Returns
    -------
    Container
        The dock, visible.
    """
    for dock in viewer.window.dock_widgets.values():
        if isinstance(dock, kind):
            break
    else:
        dock = kind(viewer)  # type: ignore[arg-type]  # every dock takes a viewer
        title = f"{name} ({_PLUGIN})"
        viewer.window.add_dock_widget(dock, name=title, tabify=True)
    show_dock(dock)
    return dock


def put_back(viewer: napari.viewer.Viewer, dock: Container[Any], kind: str) -> None:
    """Show a dock again that was just closed, with all that is in it.

    napari does not ask a dock before it takes it out of the window.
    """
    viewer.window.add_dock_widget(dock, name=f"{kind} ({_PLUGIN})", tabify=True)
    show_dock(dock)


def show_dock(dock: Container[Any]) -> None:
    """Bring a dock to the front."""
    holder = dock.native.parent()
    if isinstance(holder, QDockWidget):
        holder.show()
        holder.raise_()
