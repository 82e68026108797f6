"""The cases to learn from: a row an image, with its ground truths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import napari.layers
from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QSizePolicy

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.viewer.channels import check_same_channel
from specimen_unet.viewer.layer_checks import level_zero, spatial_shape
from specimen_unet.viewer.pairing import Pair, pair_layers
from specimen_unet.widgets.layer_choice import layer_list_events, layers_of_type
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.truth_menu import TruthMenu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer


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
        self._image.native.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
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
        box.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
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


class CasePairs(Container[Widget]):
    """Pairs of an image and ground truths, prefilled from what is open.

    As long as nobody edits them, they follow the layers that are opened.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose layers are offered.

    Attributes
    ----------
    edited : Signal
        The pairs are others than before.
    """

    edited = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(labels=False, name="cases")
        self._viewer = viewer
        self._pairs: list[Pair] = []
        self._is_prefilled = True
        self._sound: dict[int, Any] = {}
        self._rows: Container[CaseRow] = Container(labels=False, name="rows")
        self._empty = Note("no_images")
        self._add = PushButton(
            name="add_case", text="Add a case", tooltip="Learn from one more image"
        )
        self._refill = PushButton(
            name="pair_open_layers",
            text="Pair open layers",
            tooltip="Pair every image with the labels of its shape and name",
        )
        buttons = Container(
            widgets=[self._add, self._refill], layout="horizontal", labels=False
        )
        self.extend([self._rows, self._empty, buttons])
        for container in (self, self._rows, buttons):
            container.margins = (0, 0, 0, 0)
        self._add.changed.connect(self._add_case)
        self._refill.changed.connect(self.prefill)
        for event in layer_list_events(viewer):
            event.connect(self._follow_layers)
        self.prefill()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs as they stand, right or wrong."""
        return tuple(self._pairs)

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        """The rows, one a pair."""
        return tuple(self._rows)

    def prefill(self) -> None:
        """Pair what is open, and follow what is opened from now on."""
        self._is_prefilled = True
        self._set(pair_layers(self._images(), self._drawn()))

    def check(self) -> bool:
        """Tell beside each row what is wrong with it; True when nothing is."""
        sound = [self._check_row(row) for row in self._rows]
        return bool(sound) and all(sound)

    def leave(self) -> None:
        """Follow the layers of the viewer no more."""
        for event in layer_list_events(self._viewer):
            event.disconnect(self._follow_layers)

    def _check_row(self, row: CaseRow) -> bool:
        channels = row.pair.channels
        try:
            # Gray values are looked through once: they do not change by painting.
            if any(self._sound.get(id(c)) is not level_zero(c) for c in channels):
                row.pair.check()
                self._sound |= {id(c): level_zero(c) for c in channels}
            for channel in row.pair.more:
                check_same_channel(channel, row.pair.image)
            row.pair.check_truths()
        except SpecimenUnetError as error:
            row.problem.tell(str(error))
            return False
        row.problem.tell("")
        return True

    def _images(self) -> list[Any]:
        return layers_of_type(self._viewer, napari.layers.Image)

    def _drawn(self) -> list[Any]:
        return layers_of_type(self._viewer, napari.layers.Labels)

    def _follow_layers(self) -> None:
        """Pair anew, or drop what is gone from pairs a person has edited."""
        if self._is_prefilled:
            self.prefill()
            return
        images, labels = self._images(), self._drawn()
        self._set(
            [
                Pair(
                    pair.image,
                    tuple(t for t in pair.truths if t in labels),
                    tuple(channel for channel in pair.more if channel in images),
                )
                for pair in self._pairs
                if pair.image in images
            ]
        )

    def _edit(self, number: int, pair: Pair | None) -> None:
        self._is_prefilled = False
        pairs = list(self._pairs)
        if pair is None:
            del pairs[number]
        else:
            pairs[number] = pair if pair.truths else self._with_truths(pair)
            pairs = [p for p in pairs if p.image not in pair.more]
        self._set(pairs)

    def _add_case(self) -> None:
        """Add the first open image that is not yet learnt from."""
        taken = [layer for pair in self._pairs for layer in pair.channels]
        free = [image for image in self._images() if image not in taken]
        if free:
            self._is_prefilled = False
            self._set([*self._pairs, self._with_truths(Pair(free[0]))])

    def _with_truths(self, pair: Pair) -> Pair:
        """Pair one image with what was most likely drawn on it."""
        for guess in pair_layers(self._images(), self._drawn()):
            if guess.image is pair.image:
                return replace(guess, more=pair.more)
        return pair

    def _set(self, pairs: Sequence[Pair]) -> None:
        """Show these pairs, a row each."""
        is_new = list(pairs) != self._pairs
        self._pairs = list(pairs)
        images, labels = self._images(), self._drawn()
        self._sound = {
            id(i): self._sound[id(i)] for i in images if id(i) in self._sound
        }
        _clear(self._rows)
        taken = [layer for pair in self._pairs for layer in pair.channels]
        for number, pair in enumerate(self._pairs):
            free = [i for i in images if i in pair.channels or i not in taken]
            row = CaseRow(number, pair, free, labels)
            row.edited.connect(lambda new, number=number: self._edit(number, new))
            self._rows.append(row)
        self._empty.tell("" if pairs else _what_to_open(images))
        self._add.enabled = len(images) > len(taken)
        if is_new:
            self.edited.emit()


def _can_be_channel(layer: Any, pair: Pair) -> bool:
    """Tell whether a layer may be another channel of a pair's image."""
    is_free = layer not in pair.channels and not getattr(layer, "rgb", False)
    return is_free and spatial_shape(layer) == spatial_shape(pair.image)


def _what_to_open(images: Sequence[Any]) -> str:
    if images:
        return "No image is chosen: add a case, or pair the open layers."
    return (
        "Open an image and, as a labels layer, its ground truth. To try it out: "
        "File ▸ Open Sample ▸ Specimen U‑Net."
    )


def _clear(rows: Container[CaseRow]) -> None:
    """Take all rows away for good."""
    for row in list(rows):
        rows.remove(row)
        row.native.deleteLater()
