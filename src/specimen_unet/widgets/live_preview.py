"""How the network sees the slice in view, while it is still learning."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from specimen_unet.domain.events import Event, Preview, StepDone
from specimen_unet.viewer.label_colours import colours_beside
from specimen_unet.viewer.layer_checks import level_zero, spatial_shape
from specimen_unet.viewer.layers import labels_layer
from specimen_unet.viewer.provenance import mark_layer
from specimen_unet.viewer.slice_position import slice_in_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from specimen_unet.viewer.pairing import Pair
    from specimen_unet.widgets.job import Job

NAME = "preview"
_EVERY_MS = 2500
_MOVED_MS = 150
# A preview costs the training time: it may take this share of it.
_SHARE = 0.1
# An answer that has not come after so many seconds is asked for again.
_PATIENCE = 10.0
# Unlike napari's first label colours, in which the ground truth is drawn.
_COLOURS = ("#19d3f3", "#ff6ec7", "#f7e04b", "#7cf29c", "#b18cff", "#ff9f5a")


class LivePreview(QObject):
    """Keeps a labels layer on the image in view, with the slice in view filled.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layer is added; nothing else in it is changed.
    job : Job
        Asked for previews.
    """

    def __init__(self, viewer: Viewer, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._job = job
        self._images: dict[str, Image] = {}
        self._layer: Labels | None = None
        self._shown: tuple[str, int] | None = None
        self._asked_at: float | None = None
        self._rests_until = 0.0
        self._often = QTimer(self)
        self._often.setInterval(_EVERY_MS)
        self._often.timeout.connect(self._ask)
        self._moved = QTimer(self)
        self._moved.setInterval(_MOVED_MS)
        self._moved.setSingleShot(True)
        self._moved.timeout.connect(self._ask_now)

    def start(self, pairs: Sequence[Pair]) -> None:
        """Preview the images of these pairs, whose names are those of the cases.

        The first question waits for the first step: before, nothing is learnt.
        """
        self._images = {str(pair.image.name): pair.image for pair in pairs}
        self._shown = self._asked_at = None
        self._rests_until = 0.0
        self._viewer.dims.events.current_step.connect(self._wait)
        self._viewer.layers.events.removed.connect(self._forget)

    def follow(self, pairs: Sequence[Pair]) -> None:
        """Preview these pairs from now on, which were opened meanwhile."""
        self._images = {str(pair.image.name): pair.image for pair in pairs}
        if self._often.isActive():
            self._ask_now()

    def stop(self, *, keep_layer: bool = False) -> None:
        """Ask no more, and take the layer away unless the viewer goes itself."""
        self._often.stop()
        self._moved.stop()
        self._viewer.dims.events.current_step.disconnect(self._wait)
        self._viewer.layers.events.removed.disconnect(self._forget)
        self._images = {}
        if not keep_layer:
            self._remove_layer()

    def hear(self, event: Event) -> None:
        """Show a preview that came, and ask for the first as soon as steps are made."""
        if isinstance(event, Preview):
            self._show(event)
            self._asked_at = None
            self._rests_until = time.monotonic() + event.seconds / _SHARE
        elif isinstance(event, StepDone) and not self._often.isActive():
            self._often.start()
            self._ask_now()

    def _show(self, preview: Preview) -> None:
        """Fill the slice that was segmented, and empty the one filled before."""
        image = self._images.get(preview.case)
        if image is None:
            return
        if self._shown is None or self._shown[0] != preview.case or not self._layer:
            self._add_layer(image, preview)
        if self._layer is None:
            return
        voxels = level_zero(self._layer).reshape(spatial_shape(self._layer))
        if voxels.ndim == 2:
            voxels[...] = preview.labels
        else:
            if self._shown is not None:
                voxels[self._shown[1]] = 0
            voxels[preview.index] = preview.labels
        self._shown = (preview.case, preview.index)
        self._layer.refresh()

    def _ask(self) -> None:
        """Ask anew, unless the last answer is still to come or was dear."""
        now = time.monotonic()
        if self._asked_at is None:
            is_due = now >= self._rests_until
        else:
            is_due = now >= self._asked_at + _PATIENCE
        if is_due:
            self._ask_now()

    def _ask_now(self) -> None:
        image = self._image_in_view()
        if image is None:
            return
        is_flat = len(spatial_shape(image)) == 2
        index = 0 if is_flat else slice_in_view(self._viewer, image)
        if index is None:
            return
        self._asked_at = time.monotonic()
        self._job.preview(str(image.name), index)

    def _image_in_view(self) -> Image | None:
        """Return the selected image, else the topmost that is shown."""
        shown = [image for image in self._images.values() if image.visible]
        active = self._viewer.layers.selection.active
        if active in shown:
            return active
        here = [image for image in self._viewer.layers if image in shown]
        return here[-1] if here else None

    def _wait(self, event: Any = None) -> None:
        self._moved.start()

    def _add_layer(self, image: Image, preview: Preview) -> None:
        """Lay an empty labels layer on an image; the selection stays as it is."""
        self._remove_layer()
        empty = np.zeros(spatial_shape(image), preview.labels.dtype)
        wanted = dict(enumerate(_COLOURS, start=1))
        colours = colours_beside(wanted, self._viewer.layers, image)
        layer = labels_layer(empty, image, name=NAME, colours=colours)
        mark_layer(layer, "preview")
        layer.opacity = 0.55
        layer.editable = False
        selection = self._viewer.layers.selection
        selected, active = set(selection), selection.active
        self._layer, self._shown = layer, None
        self._viewer.add_layer(layer)
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def _remove_layer(self) -> None:
        layer, self._layer, self._shown = self._layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _forget(self, event: Any) -> None:
        """Respect that a person removed the preview, or an image."""
        if event.value is self._layer:
            self._layer = None
            self._images = {}
        for name, image in list(self._images.items()):
            if event.value is image:
                del self._images[name]
                if self._shown is not None and self._shown[0] == name:
                    self._remove_layer()
