"""Loss and validation Dice as they come in."""

from __future__ import annotations

import math
from html import escape
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from specimen_unet.domain.events import StepDone, Validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.events import Event

_REDRAW_MS = 300
_HEIGHT = 170
# The smoothed loss averages over about so many of the last steps: a tenth of all.
_FEWEST, _MOST = 5, 40
# Told apart also by people who see few colours, on dark and on light ground. Observers
# have the colours that they have in Compare and in the samples.
_LOSS, _STEPS, _DICE = "#4aa3df", "#7d8b99", "#009E73"
_OBSERVERS = ("#E69F00", "#56B4E9", "#CC79A7", "#8f9fb3")


class TrainingCurves(QWidget):
    """Two plots over the steps; each appears once it has something to show.

    Parameters
    ----------
    theme : str
        Name of napari's theme.
    """

    def __init__(self, theme: str = "dark", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curves")
        self.loss_plot = _plot("Loss", "loss_curve", "Training loss of every step")
        self.dice_plot = _plot(
            "Dice", "dice_curve", "Agreement with the ground truth that is held out"
        )
        self.dice_plot.setYRange(0, 1, padding=0.03)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for plot in (self.loss_plot, self.dice_plot):
            column.addWidget(plot)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self.set_theme(theme)
        self.clear()

    def clear(self) -> None:
        """Forget every point."""
        self._steps: list[tuple[int, float]] = []
        self._validations: list[Validated] = []
        self._draw()

    def add(self, events: Iterable[Event]) -> None:
        """Take events in; what is neither step nor validation is left out."""
        for event in events:
            if isinstance(event, StepDone):
                self._steps.append((event.step, event.loss))
            elif isinstance(event, Validated):
                self._validations.append(event)
        if not self._redraw.isActive():
            self._redraw.start(_REDRAW_MS)

    def set_theme(self, theme: str) -> None:
        """Draw in the colours of a theme of napari."""
        colours = get_theme(theme)
        ground, ink = colours.background.as_hex(), colours.text.as_hex()
        for plot in (self.loss_plot, self.dice_plot):
            plot.setBackground(ground)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(ink)
                axis.setTextPen(ink)

    def _draw(self) -> None:
        self._redraw.stop()
        _draw_loss(self.loss_plot, self._steps)
        _draw_dice(self.dice_plot, self._validations)
        self.loss_plot.setVisible(len(self._steps) > 1)
        self.dice_plot.setVisible(_has_score(self._validations))
        self.setVisible(len(self._steps) > 1 or _has_score(self._validations))


def smoothed(values: Array, weight: float | None = None) -> Array:
    """Average values with those before, without the bias of the beginning.

    NaN are left out.

    Parameters
    ----------
    values : ndarray of float, shape (steps,)
        What to smooth.
    weight : float, optional
        Weight of what came before, 0 to 1. By default about the last tenth of the
        values counts, so that a short curve does not lag behind.

    Returns
    -------
    ndarray of float, shape (steps,)
    """
    # Loaded with the first layer; SciPy's filters would hold the viewer up a second.
    from pandas import Series

    if weight is None:
        span = min(max(len(values) / 10, _FEWEST), _MOST)
        weight = 1 - 2 / (span + 1)
    result: Array = Series(values).ewm(alpha=1 - weight).mean().to_numpy()
    return result


def _plot(title: str, name: str, tooltip: str) -> Any:
    """Make an empty plot that only shows: no menu, no zooming by accident."""
    plot = pg.PlotWidget()
    plot.setObjectName(name)
    plot.setToolTip(tooltip)
    plot.setFixedHeight(_HEIGHT)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.showGrid(x=False, y=True, alpha=0.2)
    plot.setLabel("left", title)
    plot.setLabel("bottom", "Step")
    plot.getAxis("left").setWidth(52)
    # Otherwise the last line of pixels of the lower label is cut off.
    plot.plotItem.layout.setContentsMargins(0, 0, 6, 8)
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
    return plot


def _name_lines(plot: Any, colours: Mapping[str, str]) -> None:
    """Name the lines above the plot, where no line can cross their names."""
    names = [
        f'<span style="color:{colour}">━</span>&nbsp;{escape(name)}'
        for name, colour in colours.items()
    ]
    plot.setTitle(" &nbsp; ".join(names), size="8pt")


def _draw_loss(plot: Any, points: list[tuple[int, float]]) -> None:
    plot.clear()
    if len(points) < 2:
        return
    steps, losses = np.array(points, dtype=float).T
    faint = pg.mkPen(_STEPS, width=1)
    plot.plot(steps, losses, pen=faint, name="each step", autoDownsample=True)
    bold = pg.mkPen(_LOSS, width=2)
    plot.plot(steps, smoothed(losses), pen=bold, name="smoothed", autoDownsample=True)
    _name_lines(plot, {"each step": _STEPS, "smoothed": _LOSS})


def _draw_dice(plot: Any, validations: list[Validated]) -> None:
    plot.clear()
    if not _has_score(validations):
        return
    steps = [event.step for event in validations]
    observers = sorted({name for event in validations for name in event.by_observer})
    colours = dict(zip(observers, cycle(_OBSERVERS), strict=False))
    if len(observers) == 1:
        colours.clear()
    plot.plot(
        steps,
        [event.mean_dice for event in validations],
        pen=pg.mkPen(_DICE, width=2),
        symbol="o",
        symbolSize=6,
        symbolBrush=_DICE,
        symbolPen=None,
        name="held-out labels",
        connect="finite",
    )
    for name, colour in colours.items():
        dice = [event.by_observer.get(name, math.nan) for event in validations]
        pen = pg.mkPen(colour, width=1.5, dash=[3, 3])
        plot.plot(steps, dice, pen=pen, name=name, connect="finite")
    _name_lines(plot, {"held-out labels": _DICE, **colours})


def _has_score(validations: list[Validated]) -> bool:
    return any(math.isfinite(event.mean_dice) for event in validations)
