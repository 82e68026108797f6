"""Plots of scores for paper: dark on light, with a name and a unit at every axis.

The report shows them and the Compare dock saves them. Each function draws into a
matplotlib figure without a display, so it may run in any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.score_tables import sizes_in
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd

# Okabe and Ito's, told apart by colour-blind people and in print.
INK = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#0072B2")
PREDICTION_INK = "#111111"
_PAIR = ["between_observers", "first", "second"]
_YARDSTICK_INK = "#8a8a8a"
_MOST_LABELS = 6
"""Labels that a plot shows beside one another; the tables have them all."""


def dots(scores: pd.DataFrame) -> Any:
    """Draw the Dice of prediction and observers, a dot a case, beside one another.

    Parameters
    ----------
    scores : DataFrame
        As `domain.score_tables` takes it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = _first_labels(scores)
    figure, panels = _panels(len(labels), width=3.4, height=3.6)
    for panel, (label, name) in zip(panels, labels, strict=True):
        rows = scores[scores["label"] == label]
        _draw_columns(panel, rows)
        panel.set_title(name, fontsize=10)
        panel.set_ylim(-0.03, 1.03)
    panels[0].set_ylabel("Dice")
    return figure


def bland_altman_plot(scores: pd.DataFrame) -> Any:
    """Draw how far the sizes of prediction and observer differ, over their mean.

    Parameters and return value are those of `dots`.
    """
    labels = _first_labels(scores)
    figure, panels = _panels(len(labels), width=4.4, height=3.6)
    for panel, (label, name) in zip(panels, labels, strict=True):
        rows = scores[
            (scores["label"] == label) & ~scores["between_observers"].astype(bool)
        ]
        _draw_sizes(panel, rows)
        panel.set_title(name, fontsize=10)
    return figure


def slice_curves(curves: Iterable[tuple[str, Any, bool]], axis_name: str) -> Any:
    """Draw the Dice of every slice.

    Parameters
    ----------
    curves : iterable of (name, Dice by slice, is a yardstick)
        NaN is undefined, and a gap.
    axis_name : str
        What the slices are: "Slice" or "Image".
    """
    figure, (panel,) = _panels(1, width=7, height=3)
    colours = iter(INK * 100)
    for name, dice, is_yardstick in curves:
        panel.plot(
            np.arange(len(dice)),
            dice,
            color=_YARDSTICK_INK if is_yardstick else next(colours),
            linestyle="--" if is_yardstick else "-",
            marker="o",
            markersize=3,
            label=name,
        )
    panel.set_ylim(-0.03, 1.03)
    panel.set_xlabel(axis_name)
    panel.set_ylabel("Dice")
    panel.legend(frameon=False, fontsize=8)
    return figure


def save_figure(path: Path, draw: Callable[[], Any]) -> None:
    """Draw a figure and save it, as its name ends: .png or .svg."""
    figure = draw()
    kind = path.suffix.lower().lstrip(".") or "png"
    with replaced(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=200, facecolor="white")


def new_figure(width: float, height: float) -> Any:
    """Make a figure, in inches, that needs no display."""
    # 0.7 s to import, and needed only here.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _panels(count: int, *, width: float, height: float) -> tuple[Any, list[Any]]:
    """Make panels beside one another."""
    figure = new_figure(width * count, height)
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", alpha=0.3)
    return figure, panels


def _first_labels(scores: pd.DataFrame) -> list[tuple[int, str]]:
    """List the labels that are drawn, and their names."""
    names = dict(zip(scores["label"], scores["name"], strict=True))
    return [(int(label), str(name)) for label, name in names.items()][:_MOST_LABELS]


def _draw_columns(panel: Any, rows: pd.DataFrame) -> None:
    """Draw a column of dots for every pair, the observers' own ones gray."""
    pairs = list(rows.groupby(_PAIR, sort=False))
    ink = iter(INK * 100)
    for place, (pair, scores) in enumerate(pairs):
        dice = scores["dice"].dropna().to_numpy()
        colour = _YARDSTICK_INK if pair[0] else next(ink)
        panel.plot(
            place + _spread(len(dice)), dice, "o", color=colour, alpha=0.75, ms=5
        )
        if len(dice):
            panel.hlines(dice.mean(), place - 0.3, place + 0.3, "#111111", lw=1.5)
    panel.set_xticks(
        range(len(pairs)),
        [f"{first}\n{second}" for (_, first, second), _ in pairs],
        fontsize=8,
    )
    panel.set_xlim(-0.6, len(pairs) - 0.4)


def _spread(count: int) -> Any:
    """Lay dots beside one another, always in the same way."""
    return np.random.default_rng(0).uniform(-0.18, 0.18, count)


def _draw_sizes(panel: Any, rows: pd.DataFrame) -> None:
    """Draw differences, their mean and the limits of agreement, by observer."""
    if rows.empty:
        return
    unit = rows["size_unit"].iloc[0]
    rows = rows[rows["size_unit"] == unit]
    ink = iter(INK * 100)
    found = sizes_in(rows).set_index("second")
    for observer, sizes in rows.groupby("second", sort=False):
        colour = next(ink)
        means = (sizes["predicted_size"] + sizes["true_size"]) / 2
        differences = sizes["predicted_size"] - sizes["true_size"]
        panel.plot(means, differences, "o", color=colour, label=str(observer), ms=5)
        limits = found.loc[observer]
        panel.axhline(limits["bias"], color=colour, lw=1.5)
        for edge in ("low", "high"):
            if np.isfinite(limits[edge]):
                panel.axhline(limits[edge], color=colour, lw=1, ls="--")
    panel.axhline(0, color="#999999", lw=0.8)
    panel.set_xlabel(f"mean of both ({unit})")
    panel.set_ylabel(f"prediction − observer ({unit})")
    panel.legend(frameon=False, fontsize=8)
