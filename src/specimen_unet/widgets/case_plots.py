"""Plots over cases: prediction beside observers, and how far sizes differ."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Qt,
    Signal,
)
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from specimen_unet.domain.score_tables import sizes_in
from specimen_unet.runs.plots import bland_altman_plot, dots
from specimen_unet.widgets.plot_export import PlotExport
from specimen_unet.widgets.quantities import score_text, size_text
from specimen_unet.widgets.slice_plot import COLOURS

if TYPE_CHECKING:
    import pandas as pd

_HEIGHT = 200
_GRAY = "#999999"
_DICE, _SIZES = "Dice of every pair", "Sizes: Bland-Altman"


class CasePlots(QWidget):
    """One plot at a time, of one label; a dot is a case.

    Signals
    -------
    case_clicked : str
        Name of the case whose dot was clicked.
    """

    case_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind_box, self.label_box = QComboBox(), QComboBox()
        self.kind_box.setObjectName("plot_of_cases")
        self.kind_box.addItems([_DICE, _SIZES])
        self.label_box.setObjectName("label_of_cases")
        self.plot = pg.PlotWidget(background=None)
        self.plot.setFixedHeight(_HEIGHT)
        self.legend = QLabel()
        self.export = PlotExport("cases")
        self._table: pd.DataFrame | None = None
        self._set_up()
        self.kind_box.currentIndexChanged.connect(self._draw)
        self.label_box.currentIndexChanged.connect(self._draw)

    @property
    def points(self) -> list[tuple[float, float]]:
        """Where the dots lie that are drawn, for tests and for the curious."""
        return [
            (point.pos().x(), point.pos().y())
            for item in self.plot.getPlotItem().items
            if isinstance(item, pg.ScatterPlotItem)
            for point in item.points()
        ]

    def show_scores(self, table: pd.DataFrame) -> None:
        """Plot the scores of cases, as `domain.score_tables` takes them."""
        self._table = table
        names = dict(zip(table["label"], table["name"], strict=True))
        chosen = self.label_box.currentData()
        self.label_box.blockSignals(True)
        self.label_box.clear()
        for label, name in names.items():
            self.label_box.addItem(str(name), int(label))
        self.label_box.setCurrentIndex(max(self.label_box.findData(chosen), 0))
        self.label_box.blockSignals(False)
        self.label_box.setVisible(len(names) > 1)
        self._draw()

    def set_text_colour(self, colour: str) -> None:
        """Draw axes and their numbers in the colour of the theme."""
        for side in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)

    def _draw(self) -> None:
        if self._table is None:
            return
        item = self.plot.getPlotItem()
        item.clear()
        rows = self._table[self._table["label"] == self.label_box.currentData()]
        if self.kind_box.currentText() == _DICE:
            self._draw_dice(item, rows)
            self.export.offer(partial(dots, self._table), self._table)
        else:
            self._draw_sizes(item, rows)
            self.export.offer(partial(bland_altman_plot, self._table), self._table)

    def _draw_dice(self, item: Any, rows: pd.DataFrame) -> None:
        """Draw a column of dots for each pair, and a line at their mean."""
        pairs = list(rows.groupby(["between_observers", "first", "second"], sort=False))
        ticks, names = [], []
        coloured = iter(COLOURS * (1 + len(pairs)))
        for place, ((between, first, second), scores) in enumerate(pairs):
            colour = _GRAY if between else next(coloured)
            spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(scores))
            self._add_dots(item, place + spread, scores, scores["dice"], colour)
            mean = scores["dice"].mean()
            if np.isfinite(mean):
                line = pg.PlotDataItem(
                    [place - 0.3, place + 0.3], [mean, mean], pen=pg.mkPen(colour)
                )
                item.addItem(line)
            ticks.append((place, f"{first}\n{second}"))
            names.append(_named(colour, f"{first} / {second}", score_text(mean)))
        item.getAxis("bottom").setTicks([[(place, "") for place, _ in ticks]])
        item.setXRange(-0.5, len(pairs) - 0.5, padding=0.02)
        item.setYRange(-0.04, 1.06, padding=0)
        item.setLabel("left", "Dice")
        item.setLabel("bottom", "")
        self.legend.setText(" &nbsp; ".join(names))

    def _draw_sizes(self, item: Any, rows: pd.DataFrame) -> None:
        """Draw differences over means, their mean and the limits of agreement."""
        rows = rows[~rows["between_observers"].astype(bool)]
        unit = str(rows["size_unit"].iloc[0])
        rows = rows[rows["size_unit"] == unit]
        found = sizes_in(rows).set_index("second")
        coloured = iter(COLOURS * (1 + len(found)))
        names = []
        for observer, sizes in rows.groupby("second", sort=False):
            colour = next(coloured)
            middle = (sizes["predicted_size"] + sizes["true_size"]) / 2
            difference = sizes["predicted_size"] - sizes["true_size"]
            self._add_dots(item, middle, sizes, difference, colour)
            limits: Any = found.loc[observer]
            for name, style in (
                ("bias", Qt.PenStyle.SolidLine),
                *((edge, Qt.PenStyle.DashLine) for edge in ("low", "high")),
            ):
                if np.isfinite(limits[name]):
                    pen = pg.mkPen(colour, style=style)
                    item.addItem(pg.InfiniteLine(limits[name], angle=0, pen=pen))
            told = f"{size_text(float(limits['bias']))} {unit}"
            names.append(_named(colour, str(observer), told))
        item.getAxis("bottom").setTicks(None)
        item.setLabel("left", f"prediction − observer ({unit})")
        item.setLabel("bottom", f"mean of both ({unit})")
        item.enableAutoRange()
        self.legend.setText(
            " &nbsp; ".join(names)
            + "<br>Line: mean difference; dashed: 95 % limits of agreement."
        )

    def _add_dots(
        self, item: Any, x: Any, scores: pd.DataFrame, y: Any, colour: str
    ) -> None:
        """Add a dot a case; NaN is left out."""
        known = np.isfinite(np.asarray(y, float))
        dots_item = pg.ScatterPlotItem(
            x=np.asarray(x, float)[known],
            y=np.asarray(y, float)[known],
            data=list(scores["case"][known]),
            brush=colour,
            pen=None,
            size=9,
            hoverable=True,
            tip=lambda x, y, data: f"{data}: {y:.4g}",
        )
        dots_item.sigClicked.connect(self._clicked)
        item.addItem(dots_item)

    def _clicked(self, _: Any, points: Any, *__: Any) -> None:
        if len(points):
            self.case_clicked.emit(str(points[0].data()))

    def _set_up(self) -> None:
        """Lay the parts out; the plot cannot be zoomed or dragged by accident."""
        item = self.plot.getPlotItem()
        item.setMouseEnabled(x=False, y=False)
        item.setMenuEnabled(False)
        item.hideButtons()
        item.showGrid(y=True, alpha=0.2)
        self.plot.setToolTip("A dot is a case: click it to go there.")
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        parts = (self.kind_box, self.label_box, self.plot, self.legend, self.export)
        for part in parts:
            column.addWidget(part)


def _named(colour: str, name: str, told: str) -> str:
    """Name a column in its colour."""
    name = escape(name).replace(" ", "&nbsp;")
    return (
        f'<span style="color:{colour}">●</span>&nbsp;{name}&nbsp;<b>{escape(told)}</b>'
    )
