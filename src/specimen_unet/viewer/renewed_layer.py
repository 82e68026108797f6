"""A labels layer that is computed from other layers, and is renewed as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.layers
    import napari.viewer

    from specimen_unet.domain.case import Array


class RenewedLayer:
    """One labels layer, which lies exactly on the layers it was computed from.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layer is added. No other layer is touched, and the one that was
        selected stays so: a person may be painting on it.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._layer: napari.layers.Labels | None = None
        self._sources: tuple[Any, ...] | None = None

    @property
    def sources(self) -> tuple[Any, ...] | None:
        """The layers it was computed from, while it and they are there; or None."""
        layers = self._viewer.layers
        if self._layer not in layers or self._sources is None:
            return None
        return self._sources if all(one in layers for one in self._sources) else None

    def show(
        self,
        values: Array,
        sources: tuple[Any, ...],
        make: Callable[[], napari.layers.Labels],
    ) -> None:
        """Add the layer, or let the one that is there show these values.

        Parameters
        ----------
        values : ndarray of uint8, shape (*spatial)
            What it shows.
        sources : tuple of layers
            What they were computed from.
        make : callable
            Makes the layer, where there is none of these sources.
        """
        if self.sources is not None and self._layer is not None:
            if self.sources == sources:
                self._layer.data = values.reshape(self._layer.data.shape)
                self._layer.editable = False  # which new data have undone
                return
            self._viewer.layers.remove(self._layer)
        self._sources = sources
        self._layer = make()
        # It cannot be painted on by mistake.
        self._layer.editable = False
        add_beside(self._viewer, self._layer)


def add_beside(viewer: napari.viewer.Viewer, layer: napari.layers.Layer) -> None:
    """Add a layer and leave those selected that are."""
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    viewer.add_layer(layer)
    viewer.layers.selection = selected
    viewer.layers.selection.active = active
