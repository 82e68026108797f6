"""Hears when somebody paints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import napari.layers
    import napari.viewer

# `set_data` comes after everything that has no event of its own (undo, redo, a
# script that calls `refresh`), but also when the viewer moves to another slice.
_PAINTED = ("paint", "labels_update", "data")
_PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "features")


class LayerWatch(QObject):
    """Tells when the voxels or the place of any watched layer have changed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layers are.
    parent : QObject
        Dies with it.
    is_painted_on : bool
        Whether changes within the data count, and of their place; else only other data
        in the place of the old.

    Signals
    -------
    changed
        Comes often while somebody paints.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        parent: QObject,
        *,
        is_painted_on: bool = True,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._is_painted_on = is_painted_on
        self._layers: list[napari.layers.Layer] = []
        self._view: dict[int, object] = {}

    def watch(self, layers: Iterable[napari.layers.Layer | None]) -> None:
        """Watch these layers, each once, and no others."""
        wanted = list(dict.fromkeys(layer for layer in layers if layer is not None))
        if wanted == self._layers:
            return
        for layer in self._layers:
            self._connect(layer, "disconnect")
        self._layers = wanted
        self._view = {id(layer): self._view_of(layer) for layer in wanted}
        for layer in wanted:
            self._connect(layer, "connect")

    def _connect(self, layer: napari.layers.Layer, verb: str) -> None:
        """Listen to a layer, or no more."""
        if not self._is_painted_on:
            getattr(layer.events.data, verb)(self._tell)
            return
        emitters = layer.events.emitters
        for name in (*_PAINTED, *_PLACED):
            if name in emitters:  # nobody paints on an image
                getattr(emitters[name], verb)(self._tell)
        getattr(layer.events.set_data, verb)(self._tell_unless_moved)
        getattr(layer.events.visible, verb)(self._note_view)

    def _tell(self, event: Any = None) -> None:
        self.changed.emit()

    def _tell_unless_moved(self, event: Any) -> None:
        """Pass on a redrawing for which neither viewer nor eye of the layer moved."""
        if self._view.get(id(event.source)) == self._view_of(event.source):
            self.changed.emit()
        self._note_view(event)

    def _note_view(self, event: Any) -> None:
        self._view[id(event.source)] = self._view_of(event.source)

    def _view_of(self, layer: napari.layers.Layer) -> object:
        """Return what decides which part of a layer is drawn, if any."""
        dims = self._viewer.dims
        return layer.visible, dims.point, dims.order, dims.ndisplay, dims.thickness
