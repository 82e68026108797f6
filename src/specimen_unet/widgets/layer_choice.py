"""Combo boxes that offer the layers of the viewer they were handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from napari.layers import Labels
from qtpy.QtWidgets import QComboBox

from specimen_unet.viewer.provenance import kind_of_layer
from specimen_unet.widgets.elision import elide_in_the_middle

if TYPE_CHECKING:
    import napari.layers
    import napari.viewer

_NOT_DRAWN = ("errors", "preview", "margins", "disagreement")


class LayerBox(ComboBox):
    """A combo box that keeps its layer when that is renamed.

    magicgui takes choices by their text: the old name would go, and another layer
    would be chosen in silence.
    """

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers there are now."""
        before = self.value
        with self.changed.blocked():
            super().reset_choices()
            if before in self.choices:
                self.value = before
        if self.value is not before:
            self.changed.emit(self.value)


def layer_choice(
    viewer: napari.viewer.Viewer,
    layer_type: type[napari.layers.Layer],
    *,
    name: str,
    label: str = "",
    tooltip: str = "",
    nullable: bool = False,
) -> ComboBox:
    """Make a combo box of the viewer's layers of one type, kept up to date.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose layers are offered; no window is needed.
    layer_type : type of layer
        ``napari.layers.Image`` offers images only (a labels layer is none).
    name : str
        Stable name of the control.
    label, tooltip : str
        What people read beside it and over it.
    nullable : bool
        Whether "no layer" may be chosen.

    Returns
    -------
    ComboBox
        Its `value` is the layer itself; None when there is none.
    """
    box = LayerBox(
        name=name,
        label=label,
        tooltip=tooltip,
        nullable=nullable,
        choices=lambda _: layers_of_type(viewer, layer_type),
    )
    elide_in_the_middle(box)
    for event in layer_list_events(viewer):
        # Held weakly by napari: a box that is gone hears nothing more.
        event.connect(box.reset_choices)
    return box


def layers_of_type(
    viewer: napari.viewer.Viewer, layer_type: type[napari.layers.Layer]
) -> list[napari.layers.Layer]:
    """List the viewer's layers of one type, the topmost last."""
    return [layer for layer in viewer.layers if isinstance(layer, layer_type)]


def drawn_labels(viewer: napari.viewer.Viewer) -> list[Any]:
    """List the labels layers that somebody drew or a model made, the topmost last."""
    return [
        layer
        for layer in layers_of_type(viewer, Labels)
        if kind_of_layer(layer) not in _NOT_DRAWN
    ]


def labels_choice(
    viewer: napari.viewer.Viewer, *, name: str, label: str, tooltip: str
) -> ComboBox:
    """Make a box of `drawn_labels`; the newest that a model made is chosen first.

    Parameters are those of `layer_choice`.
    """
    box = layer_choice(viewer, Labels, name=name, label=label, tooltip=tooltip)
    box.choices = lambda _: drawn_labels(viewer)
    made = [layer for layer in box.choices if kind_of_layer(layer) == "segmentation"]
    if box.choices:
        box.value = made[-1] if made else box.choices[-1]
    return narrowed(box)


def narrowed(box: ComboBox) -> ComboBox:
    """Keep long names from making the dock wider."""
    narrow_box(box.native)
    return box


def narrow_box(box: QComboBox) -> None:
    """Keep the long names in Qt's own box from making the dock wider."""
    box.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    box.setMinimumContentsLength(8)


def layer_list_events(viewer: napari.viewer.Viewer) -> list[Any]:
    """List the events after which a choice of layers must be made anew."""
    events = viewer.layers.events
    return [events.inserted, events.removed, events.reordered, events.renamed]
