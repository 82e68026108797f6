"""Dice over the slices of what is compared, tied to the slice in view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from specimen_unet.runs.plots import slice_curves
from specimen_unet.viewer.slice_position import show_slice, slice_in_view, slice_word
from specimen_unet.widgets.plot_export import PlotExport
from specimen_unet.widgets.quantities import without_common_words
from specimen_unet.widgets.slice_plot import Curve, SlicePlot

if TYPE_CHECKING:
    import napari.layers
    import napari.viewer
    import pandas as pd

    from specimen_unet.domain.comparison import Scores

# Beyond this, curves of observers among themselves hide those of the prediction.
_MOST_YARDSTICKS = 3


class SlicePanel(QWidget):
    """A `SlicePlot` of one label; it follows the viewer, and leads it by clicks."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: napari.layers.Layer | None = None
        self._slices: pd.DataFrame | None = None
        self._names: dict[int, str] = {}
        self.plot = SlicePlot()
        self.export = PlotExport("dice-over-slices")
        self._word = "Slice"
        self.label_box = QComboBox()
        self.label_box.setObjectName("plotted_label")
        self.label_box.setToolTip("The label whose Dice is plotted over the slices.")
        self._row = QWidget()
        self._lay_out()
        self.label_box.currentIndexChanged.connect(self._draw)
        self.plot.slice_clicked.connect(self._go)
        viewer.dims.events.point.connect(self._follow)
        viewer.events.theme.connect(self._take_theme)
        self._take_theme()

    def show_scores(self, scores: Scores, layer: napari.layers.Layer) -> None:
        """Plot the scores of every slice of a layer."""
        self._layer, self._slices = layer, scores.slices
        self._follow()
        if scores.grid.dimensions == 2:
            self._row.hide()
            self.plot.show_sentence("A 2D image has no slices to plot.")
            self.export.setVisible(False)
            return
        self._word = slice_word(layer)
        self.plot.call_slices(self._word)
        self._offer_labels(scores.table)
        self._draw()

    def release(self) -> None:
        """Hear nothing of the viewer any more."""
        self._viewer.dims.events.point.disconnect(self._follow)
        self._viewer.events.theme.disconnect(self._take_theme)

    def _offer_labels(self, table: pd.DataFrame) -> None:
        """Offer the labels there are; with one there is nothing to choose."""
        names = dict(zip(table["label"], table["name"], strict=True))
        if names == self._names:
            return
        self._names = names
        chosen = self.label_box.currentData()
        self.label_box.blockSignals(True)
        self.label_box.clear()
        for label, name in names.items():
            self.label_box.addItem(str(name), int(label))
        self.label_box.setCurrentIndex(max(self.label_box.findData(chosen), 0))
        self.label_box.blockSignals(False)
        self._row.setVisible(len(names) > 1)

    def _draw(self) -> None:
        """Draw the curves of the chosen label."""
        if self._slices is None or self._slices.empty:
            return
        curves = _curves(self._slices, self.label_box.currentData())
        has_dice = any(np.isfinite(curve.dice).any() for curve in curves)
        self.export.setVisible(has_dice)
        if has_dice:
            self.plot.show_curves(curves)
            drawn = [(curve.name, curve.dice, curve.dashed) for curve in curves]
            draw = partial(slice_curves, drawn, self._word)
            self.export.offer(draw, self._slices)
        else:
            self.plot.show_sentence(
                f"No {self._word.lower()} holds {self.label_box.currentText()!r}, so "
                "there is no Dice to plot."
            )

    def _go(self, index: int) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            show_slice(self._viewer, self._layer, index)

    def _follow(self, event: Any = None) -> None:
        """Mark the slice in view."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers or layer.ndim < 3:
            self.plot.mark_slice(None)
        else:
            self.plot.mark_slice(slice_in_view(self._viewer, layer))

    def _take_theme(self, event: Any = None) -> None:
        self.plot.set_text_colour(get_theme(self._viewer.theme).text.as_hex())

    def _lay_out(self) -> None:
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Plotted label"))
        row.addWidget(self.label_box, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._row)
        column.addWidget(self.plot)
        column.addWidget(self.export)


def _curves(slices: pd.DataFrame, label: int) -> list[Curve]:
    """Make a curve of each pair: the prediction's first, then a few yardsticks."""
    rows = slices[slices["label"] == label]
    observers = [*dict.fromkeys(rows["second"])]
    observers += [*dict.fromkeys(rows.loc[rows["between_observers"], "first"])]
    short = without_common_words(observers)
    curves = [
        Curve(
            f"{short[str(first)]} / {short[str(second)]}"
            if between
            else short[str(second)],
            pair.sort_values("slice")["dice"].to_numpy(),
            dashed=bool(between),
        )
        for (between, first, second), pair in rows.groupby(
            ["between_observers", "first", "second"], sort=False
        )
    ]
    yardsticks = [curve for curve in curves if curve.dashed]
    if len(yardsticks) > _MOST_YARDSTICKS:
        return [curve for curve in curves if not curve.dashed]
    return curves
