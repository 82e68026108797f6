"""The cases to learn from: a row an image, with its ground truths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import napari.layers
from magicgui.widgets import Container, PushButton, Widget
from psygnal import Signal

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.viewer.channels import check_same_channel
from specimen_unet.viewer.layer_checks import level_zero
from specimen_unet.viewer.pairing import Pair, pair_layers
from specimen_unet.widgets.case_row import CaseRow
from specimen_unet.widgets.layer_choice import layer_list_events, layers_of_type
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer


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
        was_wrong = [] if is_new else [bool(row.problem.value) for row in self._rows]
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
        # Nobody hears of pairs that are the same: what is wrong with them stays told.
        for row, is_wrong in zip(self._rows, was_wrong, strict=False):
            if is_wrong:
                self._check_row(row)
        self._empty.tell("" if pairs else _what_to_open(images))
        self._add.enabled = len(images) > len(taken)
        if is_new:
            self.edited.emit()


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
