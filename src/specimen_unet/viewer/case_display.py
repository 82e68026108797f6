"""One case of a folder at a time in the viewer: image, observers, last prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.counts import labels_present
from specimen_unet.files.images import has_colours
from specimen_unet.viewer.label_colours import colours_beside
from specimen_unet.viewer.layer_checks import frame_of_grid, level_zero
from specimen_unet.viewer.layers import labels_layer
from specimen_unet.viewer.open_questions import asked_of_layer
from specimen_unet.viewer.opened_case import PAINTABLE_BYTES, with_new
from specimen_unet.viewer.provenance import mark_layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari.layers
    from napari.viewer import Viewer

    from specimen_unet.domain.case import Array
    from specimen_unet.files.new_labels import NewLabels
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.viewer.opened_case import OpenedCase

# Okabe and Ito's, from the one that is seen best on gray; observers differ in them.
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00")


class CaseDisplay:
    """Shows one case; the layers of the one before go.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Other layers in it are left alone.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: OpenedCase | None = None
        self._layers: list[Any] = []
        self._drawn: dict[str, tuple[Any, Array]] = {}
        self._predicted: Any = None

    @property
    def shown(self) -> OpenedCase | None:
        """The case that is shown; None once its image is gone."""
        images = [layer for layer in self._layers[:1] if layer in self._viewer.layers]
        return self._shown if images else None

    @property
    def case(self) -> OpenedCase | None:
        """The case whose layers these are, also when its image is gone."""
        return self._shown

    def show(self, opened: OpenedCase) -> None:
        """Show a case instead of the one before."""
        self.clear()
        self._shown = opened
        images = _image_layers(opened)
        for image in images:
            self._add(image)
        for who, labels in opened.drawn.items():
            layer = self._labels(f"{opened.name} {who}", labels)
            self._add(layer)
            if isinstance(level_zero(layer), np.ndarray):
                self._drawn[who] = (layer, np.array(level_zero(layer)))
        if opened.new is not None:
            self._add_empty(opened, opened.new)
        if opened.predicted is not None and opened.prediction is not None:
            self.show_prediction(opened.predicted, opened.prediction)

    def show_prediction(self, predicted: Array, prediction: Prediction) -> None:
        """Show what a model saw on the case, instead of what another one did."""
        if self.shown is None:
            return
        if self._predicted is not None and self._predicted in self._viewer.layers:
            self._viewer.layers.remove(self._predicted)
        image = self._layers[0]
        layer = self._labels(f"{self.shown.name} - {prediction.model}", predicted)
        mark_layer(layer, "segmentation", model=prediction.model, image=str(image.name))
        self._add(layer)
        self._predicted = layer

    def clear(self) -> None:
        """Take the layers of the case away, those that are still there."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers.clear()
        self._drawn.clear()
        self._shown = self._predicted = None

    def edited(self) -> dict[str, Array]:
        """Return what observers' layers hold now, if that was changed and not saved."""
        return {
            who: np.asarray(level_zero(layer)).reshape(before.shape)
            for who, (layer, before) in self._drawn.items()
            if layer in self._viewer.layers
            and not np.array_equal(
                np.asarray(level_zero(layer)).reshape(-1), before.reshape(-1)
            )
        }

    def keep_as_saved(self, labels: Mapping[str, Array]) -> None:
        """Know that these labels are on the disk."""
        if self._shown is not None:
            self._shown = with_new(self._shown, labels)
        for who, values in labels.items():
            self._drawn[who] = (self._drawn[who][0], values.copy())

    def discard(self) -> None:
        """Show what observers drew as it is on the disk."""
        for who in self.edited():
            layer, before = self._drawn[who]
            layer.data = before.reshape(level_zero(layer).shape).copy()

    def _labels(self, name: str, labels: Array) -> napari.layers.Labels:
        """Make a layer of labels, in colours that no other labels of the case have."""
        image = self._layers[0]
        others = [layer for layer, _ in self._drawn.values()]
        names = self._shown.folder.pairing.label_names if self._shown else {}
        return labels_layer(
            labels,
            image,
            name=name,
            label_names=names,
            colours=_colours(labels, others, image),
        )

    def _add_empty(self, opened: OpenedCase, new: NewLabels) -> None:
        """Give a person something to draw on; untouched, it is no change."""
        shape = opened.reading.image.shape[-opened.reading.grid.dimensions :]
        if np.prod(shape) > PAINTABLE_BYTES:
            return
        empty = np.zeros(shape, np.uint8)
        layer = self._labels(f"{opened.name} {new.observer}", empty)
        mark_layer(layer, "to draw on")
        self._add(layer)
        self._drawn[new.observer] = (layer, empty.copy())

    def _add(self, layer: napari.layers.Layer) -> None:
        self._viewer.add_layer(layer)
        self._layers.append(layer)


def _image_layers(opened: OpenedCase) -> list[napari.layers.Image]:
    """Make a layer of the image: one a channel, or one in colours."""
    from napari.layers import Image

    image, grid, questions = opened.reading
    files, answers = opened.files, opened.folder.answers
    path = opened.folder.listing.root / files.images[0]
    frame = {**frame_of_grid(grid), **asked_of_layer(path, questions, answers)}
    if image.ndim == grid.dimensions:
        return [Image(image, name=opened.name, **frame)]
    if len(files.images) == 1 and len(image) == 3 and has_colours(path):
        picture = np.ascontiguousarray(np.moveaxis(np.asarray(image), 0, -1))
        return [Image(picture, name=opened.name, rgb=True, **frame)]
    titles = opened.folder.pairing.channel_names
    if len(titles) != len(image):
        titles = tuple(f"[{number}]" for number in range(len(image)))
    return [
        Image(channel, name=f"{opened.name} {title}", blending="additive", **frame)
        for channel, title in zip(image, titles, strict=True)
    ]


def _colours(labels: Any, others: list[Any], image: Any) -> dict[int, str] | None:
    """Choose colours that no other layer has; napari's own where labels are many."""
    present = labels_present(labels) if isinstance(labels, np.ndarray) else []
    if not present or len(present) > len(_COLOURS):
        return None
    # Those that are not there yet have a colour, too: somebody may paint them.
    values = {*present, *range(1, len(_COLOURS) + 1)}
    wanted = {
        value: _COLOURS[(value - 1 + len(others)) % len(_COLOURS)]
        for value in sorted(values)
    }
    near = {value: wanted[value] for value in present}
    return {**wanted, **colours_beside(near, others, image)}
