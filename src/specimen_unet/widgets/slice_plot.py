"""Dice over slices; a click goes to the slice."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Qt,
    Signal,
)
from qtpy.QtGui import QTextDocumentFragment
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from specimen_unet.widgets.quantities import score_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

# Okabe and Ito's colours, which colour-blind people can tell apart; the first ones are
# those of the samples' observers, so that a curve looks like the outline it is about.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2")
_HEIGHT = 190


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Dice of every slice, NaN where it is undefined; dashed for a yardstick."""

    name: str
    dice: Array
    dashed: bool = False

    @property
    def style(self) -> tuple[str, bool]:
        """What must be the same for a curve to be drawn by the same item."""
        return self.name, self.dashed


class SlicePlot(QWidget):
    """Curves over the slices of a volume, a line at the slice in view.

    Signals
    -------
    slice_clicked : int
        The slice nearest to a click.
    """

    slice_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slice_plot")
        self._curves: Sequence[Curve] = ()
        self._items: list[pg.PlotDataItem] = []
        self._mark: int | None = None
        self._word = "Slice"
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._plot = _plot_widget()
        self._line = pg.InfiniteLine(pen=pg.mkPen("#888888", width=1))
        self._legend = _text(self)
        self._reading = _text(self)
        self._drawn = (self._legend, self._plot, self._reading)
        self._lay_out()
        self._plot.scene().sigMouseClicked.connect(self._clicked)

    @property
    def curve_names(self) -> list[str]:
        """Names of the curves that are shown."""
        return [curve.name for curve in self._curves]

    @property
    def mark(self) -> int | None:
        """The slice at which the line stands."""
        return self._mark

    @property
    def sentence(self) -> str:
        """What stands in place of the curves; empty while there are curves."""
        return "" if self._curves else self._sentence.text()

    @property
    def reading(self) -> str:
        """The scores of the slice in view, as they are written under the curves."""
        plain = QTextDocumentFragment.fromHtml(self._reading.text()).toPlainText()
        return plain.replace("\xa0", " ")

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Show Dice over slices, one curve each."""
        if [c.style for c in curves] != [c.style for c in self._curves]:
            self._make_items(curves)
        self._curves = curves
        for item, curve in zip(self._items, curves, strict=True):
            slices = np.arange(len(curve.dice))
            item.setData(slices, np.asarray(curve.dice, dtype=float))
        item = self._plot.getPlotItem()
        longest = max(len(curve.dice) for curve in curves)
        item.setXRange(-0.5, longest - 0.5, padding=0.01)
        self._tell_reading()
        self._show_drawn(True)

    def show_sentence(self, sentence: str) -> None:
        """Say why there is no curve."""
        self._curves = ()
        self._sentence.setText(sentence)
        self._show_drawn(False)

    def mark_slice(self, index: int | None) -> None:
        """Put the line at the slice in view; None hides it."""
        self._mark = index
        self._line.setVisible(index is not None)
        if index is not None:
            self._line.setValue(index)
        self._tell_reading()

    def call_slices(self, word: str) -> None:
        """Call what the curves run over "Slice", or "Image" of a stack of images."""
        self._word = word
        self._plot.getPlotItem().setLabel("bottom", word)
        self._plot.setToolTip(f"Click to go to that {word.lower()}.")

    def set_text_colour(self, colour: str) -> None:
        """Draw axes and their numbers in the colour of the theme."""
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)

    def position_of(self, index: int, dice: float = 0.5) -> Any:
        """Return where a slice and a Dice lie, in pixels of the plot's viewport."""
        view = self._plot.getPlotItem().getViewBox()
        point = view.mapViewToScene(pg.Point(index, dice))
        return self._plot.mapFromScene(point)

    @property
    def viewport(self) -> QWidget:
        """The widget that takes the clicks."""
        viewport: QWidget = self._plot.viewport()
        return viewport

    def _lay_out(self) -> None:
        """Put legend, plot and reading below one another, or the sentence."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for widget in (self._sentence, *self._drawn):
            column.addWidget(widget)
        column.addStretch(1)
        self._show_drawn(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def _make_items(self, curves: Sequence[Curve]) -> None:
        """Make an item of each curve, to be filled with its values."""
        self._items = [
            _item(*pair) for pair in zip(curves, _colours(curves), strict=True)
        ]
        plot = self._plot.getPlotItem()
        plot.clear()
        for item in self._items:
            plot.addItem(item)
        plot.addItem(self._line, ignoreBounds=True)
        self._legend.setText(_legend_text(curves))

    def _show_drawn(self, visible: bool) -> None:
        """Show the curves, or the sentence in their place."""
        self._sentence.setVisible(not visible)
        for widget in self._drawn:
            widget.setVisible(visible)

    def _clicked(self, click: Any) -> None:
        """Tell the slice under a click of the left button."""
        if click.button() != Qt.MouseButton.LeftButton or not self._curves:
            return
        view = self._plot.getPlotItem().getViewBox()
        index = round(view.mapSceneToView(click.scenePos()).x())
        last = max(len(curve.dice) for curve in self._curves) - 1
        self.slice_clicked.emit(min(max(index, 0), last))

    def _tell_reading(self) -> None:
        """Write the scores of the slice in view under the curves."""
        if self._mark is None:
            what = "an image" if self._word == "Image" else "a slice"
            self._reading.setText(f"Click in the plot to go to {what}.")
            return
        scores = [
            f"{escape(curve.name)}&nbsp;<b>{score_text(float(curve.dice[self._mark]))}</b>"
            for curve in self._curves
            if self._mark < len(curve.dice)
        ]
        self._reading.setText(f"{self._word} {self._mark}: " + " · ".join(scores))


def _plot_widget() -> pg.PlotWidget:
    """Make a plot that cannot be zoomed or dragged by accident."""
    plot = pg.PlotWidget(background=None)
    plot.setFixedHeight(_HEIGHT)
    plot.setToolTip("Click to go to that slice.")
    item = plot.getPlotItem()
    item.setMouseEnabled(x=False, y=False)
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setYRange(-0.04, 1.06, padding=0)
    item.getAxis("left").setTicks([[(k / 5, f"{k / 5:g}") for k in range(6)]])
    item.setLabel("left", "Dice")
    item.setLabel("bottom", "Slice")
    item.showGrid(y=True, alpha=0.2)
    return plot


def _text(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    return label


def _colours(curves: Sequence[Curve]) -> list[str]:
    """Give every curve a colour; the yardsticks are gray."""
    coloured = iter(COLOURS * (1 + len(curves) // len(COLOURS)))
    return ["#999999" if curve.dashed else next(coloured) for curve in curves]


def _item(curve: Curve, colour: str) -> pg.PlotDataItem:
    """Make a curve's item; lonely slices between undefined ones show as dots."""
    style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
    return pg.PlotDataItem(
        connect="finite",
        pen=pg.mkPen(colour, width=2, style=style),
        symbol="o",
        symbolSize=4,
        symbolPen=None,
        symbolBrush=colour,
    )


def _legend_text(curves: Sequence[Curve]) -> str:
    """Name the curves in their colours."""
    return " &nbsp; ".join(
        f'<span style="color:{colour}">{"╌╌" if curve.dashed else "━━"}</span>&nbsp;'
        f"{escape(curve.name)}"
        for curve, colour in zip(curves, _colours(curves), strict=True)
    )
