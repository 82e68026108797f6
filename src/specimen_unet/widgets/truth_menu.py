"""A button that opens a list of labels layers with a tick each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import PushButton
from psygnal import Signal
from qtpy.QtWidgets import QCheckBox, QMenu, QSizePolicy, QWidgetAction

from specimen_unet.viewer.layer_checks import spatial_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari.layers

_NONE = "choose…"


class TruthMenu(PushButton):
    """Shows who drew the ground truth of an image; a click opens the choice.

    Layers of another shape than the image are listed but cannot be ticked.

    Parameters
    ----------
    image : napari.layers.Image
        What the labels are drawn on.
    layers : sequence of napari.layers.Labels
        All that are offered.
    chosen : mapping of str to napari.layers.Labels
        Those that are ticked, by what they are called on the button.
    name : str
        Stable name of the control.

    Attributes
    ----------
    ticked : Signal
        A person ticked or unticked a layer: the layers now ticked.
    """

    ticked = Signal(tuple)

    def __init__(
        self,
        image: napari.layers.Image,
        layers: Sequence[napari.layers.Labels],
        chosen: Mapping[str, napari.layers.Labels],
        *,
        name: str,
    ) -> None:
        names = ", ".join(chosen)
        super().__init__(name=name, text=_NONE)
        # Not by `text`: magicgui shows an underscore as a space.
        self.native.setText(names.replace("&", "&&") or _NONE)
        self.tooltip = (
            f"Ground truth of {image.name}: {names or 'none'}. Click to tick."
        )
        self._boxes = [(layer, QCheckBox(_choice_text(layer))) for layer in layers]
        self._menu = QMenu(self.native)
        shape = spatial_shape(image)
        for layer, box in self._boxes:
            # A widget keeps the menu open while several are ticked.
            action = QWidgetAction(self._menu)
            action.setDefaultWidget(box)
            self._menu.addAction(action)
            fits = spatial_shape(layer) == shape
            box.setChecked(layer in chosen.values())
            box.setEnabled(fits or box.isChecked())
            box.setToolTip("" if fits else "Its shape is not that of the image.")
            box.setStyleSheet("QCheckBox { padding: 4px 10px; }")
        self._menu.aboutToHide.connect(self._tell)
        self._chosen = tuple(chosen.values())
        button = self.native
        button.setMenu(self._menu)
        button.setStyleSheet("text-align: left;")
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setMinimumWidth(60)

    @property
    def boxes(self) -> dict[str, QCheckBox]:
        """The check boxes of the menu, by the layer's name."""
        return {str(layer.name): box for layer, box in self._boxes}

    def _tell(self) -> None:
        """Tell what is ticked once the menu is closed."""
        chosen = tuple(layer for layer, box in self._boxes if box.isChecked())
        if chosen != self._chosen:
            self._chosen = chosen
            self.ticked.emit(chosen)


def _choice_text(layer: napari.layers.Labels) -> str:
    shape = " × ".join(map(str, spatial_shape(layer)))
    return f"{layer.name}   ({shape})".replace("&", "&&")
