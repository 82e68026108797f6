"""One image to learn from, with its ground truths and further channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QSizePolicy

from specimen_unet.viewer.layer_checks import spatial_shape
from specimen_unet.viewer.pairing import Pair
from specimen_unet.widgets.elision import elide_in_the_middle
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.truth_menu import TruthMenu

if TYPE_CHECKING:
    from collections.abc import Sequence


class CaseRow(Container[Widget]):
    """One image with its ground truths, and what is wrong with them.

    Attributes
    ----------
    edited : Signal
        A person changed the row: the new pair, or None to take it away.
    """

    edited = Signal(object)

    def __init__(
        self, number: int, pair: Pair, images: Sequence[Any], labels: Sequence[Any]
    ) -> None:
        super().__init__(labels=False, name=f"case_{number}")
        self.pair = pair
        self._images = images
        self._image = ComboBox(
            name=f"image_{number}",
            value=pair.image,
            choices=[
                (str(layer.name), layer) for layer in images if layer not in pair.more
            ],
            tooltip="The image of this specimen",
        )
        _narrow(self._image)
        self._image.native.setMinimumWidth(60)
        self._truths = TruthMenu(
            pair.image, labels, pair.observers(), name=f"ground_truth_{number}"
        )
        self._more = PushButton(
            name=f"more_channels_{number}",
            text="+",
            tooltip="Add a layer that is another channel of this image",
        )
        self._more.native.setFixedWidth(28)
        self._remove = PushButton(
            name=f"remove_{number}", text="✕", tooltip="Do not learn from this image"
        )
        self._remove.native.setFixedWidth(28)
        free = [layer for layer in images if _can_be_channel(layer, pair)]
        # Names need the room: who has no other channel sees no button for it.
        more = [self._more] if free else []
        controls = [self._image, *more, self._truths, self._remove]
        # Images have longer names than those who drew on them.
        _share_room(self._image, 2)
        _share_room(self._truths, 1)
        line = Container(widgets=controls, layout="horizontal", labels=False)
        self.problem = Note(f"problem_{number}", "problem")
        self.channels = [self._channel_line(n, images) for n in range(len(pair.more))]
        self.extend([line, *self.channels, self.problem])
        line.margins = self.margins = (0, 0, 0, 0)
        self._image.changed.connect(self._change_image)
        self._truths.ticked.connect(self._change_truths)
        self._more.changed.connect(self._add_channel)
        self._remove.changed.connect(self._take_away)

    def _channel_line(self, index: int, images: Sequence[Any]) -> Container[Widget]:
        """Make the choice of one further channel, and a button to do without it."""
        here = self.pair.more[index]
        offered = [i for i in images if i is here or _can_be_channel(i, self.pair)]
        box = ComboBox(
            name=f"channel_{index + 2}",
            value=here,
            choices=[(f"+ {layer.name}", layer) for layer in offered],
            tooltip=f"Channel {index + 2} of {self.pair.image.name}",
        )
        _narrow(box)
        leave = PushButton(
            name=f"leave_channel_{index + 2}", text="✕", tooltip="Without this channel"
        )
        leave.native.setFixedWidth(28)
        box.changed.connect(lambda layer: self._change_channel(index, (layer,)))
        leave.changed.connect(lambda _: self._change_channel(index, ()))
        line: Container[Widget] = Container(
            widgets=[box, leave], layout="horizontal", labels=False
        )
        line.margins = (16, 0, 0, 0)
        return line

    def _add_channel(self) -> None:
        """Add the first layer that can be another channel."""
        free = [layer for layer in self._images if _can_be_channel(layer, self.pair)]
        if free:
            self._change_channel(len(self.pair.more), (free[0],))

    def _change_channel(self, index: int, layers: tuple[Any, ...]) -> None:
        more = self.pair.more
        more = (*more[:index], *layers, *more[index + 1 :])
        self.edited.emit(replace(self.pair, more=more))

    def _change_image(self, image: Any) -> None:
        self.edited.emit(Pair(image))

    def _change_truths(self, truths: tuple[Any, ...]) -> None:
        self.edited.emit(replace(self.pair, truths=truths))

    def _take_away(self) -> None:
        self.edited.emit(None)


def _narrow(box: ComboBox) -> None:
    """Let a box be as narrow as the dock."""
    _share_room(box, 1)
    elide_in_the_middle(box)


def _share_room(control: Widget, parts: int) -> None:
    """Let a control have so many parts of a line, however long its text."""
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    policy.setHorizontalStretch(parts)
    control.native.setSizePolicy(policy)


def _can_be_channel(layer: Any, pair: Pair) -> bool:
    """Tell whether a layer may be another channel of a pair's image."""
    is_free = layer not in pair.channels
    return is_free and spatial_shape(layer) == spatial_shape(pair.image)
