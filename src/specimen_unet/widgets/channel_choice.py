"""Which layers are the further channels of an image that is to be segmented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari.layers
import napari.viewer
from magicgui.widgets import ComboBox, Container, Widget
from psygnal import Signal

from specimen_unet.viewer.channel_names import channel_like
from specimen_unet.viewer.channels import channels_in
from specimen_unet.widgets.field_grid import FieldGrid
from specimen_unet.widgets.layer_choice import layer_choice, layers_of_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.card import ModelCard


class ChannelChoice(Container[Widget]):
    """A choice of a layer for each channel of a model that the first has not.

    An RGB layer has three. Empty, and not to be seen, where nothing is missing.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose layers are offered.

    Attributes
    ----------
    chosen : Signal
        Another layer was chosen.
    """

    chosen = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="channels")
        self.margins = (0, 0, 0, 0)
        self._viewer = viewer
        self._names: tuple[str, ...] = ()
        self._boxes: list[ComboBox] = []
        self._first: Any = None
        self.visible = False

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layer of each further channel; None where there is none."""
        return tuple(box.value for box in self._boxes)

    @property
    def boxes(self) -> tuple[ComboBox, ...]:
        """The controls, one a channel."""
        return tuple(self._boxes)

    def show_model(self, card: ModelCard | None, first: Any) -> None:
        """Offer a choice for each further channel, guessed from the layers' names."""
        names = _further_channels(card, first) if card is not None else ()
        if names == self._names:
            if first is not self._first:
                self._guess(first)
            return
        self._names = names
        for old in list(self):
            self.remove(old)
            old.native.deleteLater()
        self._boxes = [self._box(number, name) for number, name in enumerate(names)]
        self._guess(first)
        for box in self._boxes:
            box.changed.connect(self._tell)
        if self._boxes:
            self.append(FieldGrid("channel_choices", self._boxes))
        self.visible = bool(self._boxes)

    def _box(self, number: int, name: str) -> ComboBox:
        return layer_choice(
            self._viewer,
            napari.layers.Image,
            name=f"channel_{number + 2}",
            label=name,
            tooltip=f"The image layer that is channel {number + 2} of the image",
        )

    def _guess(self, first: Any) -> None:
        """Choose layers that bear the names of image and channel, each once."""
        self._first = first
        free = [
            layer
            for layer in layers_of_type(self._viewer, napari.layers.Image)
            if layer is not first
        ]
        for box, name in zip(self._boxes, self._names, strict=True):
            found = channel_like(name, first, free) if first is not None else None
            if found is not None:
                with box.changed.blocked():
                    box.value = found
                free.remove(found)

    def _tell(self, _: Any = None) -> None:
        self.chosen.emit()


def _further_channels(card: ModelCard, first: Any) -> tuple[str, ...]:
    """Name the channels that the first layer has not, as in training."""
    count = card.plan.image_channels
    known: Sequence[str] = card.channel_names
    if len(known) != count:
        known = [f"Channel {number + 1}" for number in range(count)]
    has = len(channels_in([first])) if first is not None else 1
    return tuple(known[has:])
