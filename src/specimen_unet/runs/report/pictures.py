"""Cases as pictures: the middle slice, with the outlines of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from specimen_unet.domain.overlap import compare
from specimen_unet.runs.plots import INK, PREDICTION_INK, new_figure
from specimen_unet.runs.report.wording import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.runs.report.content import CaseView

_LONGEST = 800  # pixels of a side; more cannot be seen on a page
_MOST_OUTLINED = 12
_WIDTH = 6.0
_RED = "#ff3030"


class _Slice(NamedTuple):
    """One slice of a case; arrays are (Y, X), the image (Y, X) or (Y, X, 3)."""

    name: str
    image: Array | None
    predicted: Array
    truths: Mapping[str, Array]
    aspect: float


def case_picture(
    view: CaseView, name: str, annotation: Annotation = "everywhere"
) -> tuple[Any, str]:
    """Draw the middle one of the slices that hold a label.

    Parameters
    ----------
    view : CaseView
        What is drawn.
    name : str
        What the prediction is called.
    annotation : {"everywhere", "slices", "painted"}
        What 0 means.

    Returns
    -------
    figure : matplotlib.figure.Figure
    caption : str
        Which slice it is, and its Dice against each observer.
    """
    shown = _middle(view)
    height = _WIDTH * shown.aspect * shown.predicted.shape[0]
    height = float(np.clip(height / shown.predicted.shape[1], 2.0, 9.0))
    figure = new_figure(_WIDTH, height + 0.4)
    panel = figure.subplots()
    panel.set_axis_off()
    back = np.zeros(shown.predicted.shape) if shown.image is None else shown.image
    panel.imshow(back, cmap="gray", aspect=shown.aspect)
    lines = zip(shown.truths.items(), INK * 10, strict=False)
    _outline(panel, shown.predicted, _RED)
    for (_, drawn), colour in lines:
        _outline(panel, drawn, colour)
    _name_lines(figure, name, list(shown.truths))
    return figure, _caption(shown, annotation)


def _middle(view: CaseView) -> _Slice:
    """Cut the middle labelled slice out, thinned to what a page shows."""
    spacing = view.grid.spacing
    drawn = [view.predicted, *view.truths.values()]
    if view.predicted.ndim == 2:
        index, name = None, "The image"
    else:
        held = np.flatnonzero(np.any([each.any(axis=(1, 2)) for each in drawn], axis=0))
        index = int(held[len(held) // 2]) if len(held) else len(view.predicted) // 2
        name = f"{view.slice_word} {index + view.first_slice}"
    step = max(1, -(-max(view.predicted.shape[-2:]) // _LONGEST))

    def cut(array: Array) -> Array:
        plane = array if index is None else array[index]
        return np.asarray(plane[::step, ::step])

    image = None
    if view.image is not None:
        image = _gray([cut(channel) for channel in view.image])
    truths = {observer: cut(labels) for observer, labels in view.truths.items()}
    return _Slice(name, image, cut(view.predicted), truths, spacing[-2] / spacing[-1])


def _gray(channels: list[Array]) -> Array:
    """Bring channels to 0 to 1: three to red, green and blue, others to the first."""
    chosen = channels if len(channels) == 3 else channels[:1]
    scaled = []
    for channel in chosen:
        values = np.nan_to_num(np.asarray(channel, float))
        low, high = np.percentile(values, (0.5, 99.5))
        scaled.append(np.clip((values - low) / ((high - low) or 1), 0, 1))
    return np.dstack(scaled) if len(scaled) == 3 else scaled[0]


def _outline(panel: Any, labels: Array, colour: str) -> None:
    """Draw the outline of every label; of very many, that of all together."""
    values = [value for value in np.unique(labels) if value]
    masks = [labels == value for value in values]
    if len(values) > _MOST_OUTLINED:
        masks = [labels > 0]
    for mask in masks:
        if not mask.all() and min(mask.shape) > 1:
            panel.contour(mask, levels=[0.5], colors=[colour], linewidths=1.3)


def _name_lines(figure: Any, name: str, observers: list[str]) -> None:
    from matplotlib.lines import Line2D

    colours = [_RED, *(INK * 10)[: len(observers)]]
    handles = [Line2D([], [], color=colour, lw=2) for colour in colours]
    figure.legend(
        handles,
        [name, *observers],
        loc="outside lower center",
        ncols=min(len(handles), 5),
        frameon=False,
        fontsize=9,
        labelcolor=PREDICTION_INK,
    )


def _caption(shown: _Slice, annotation: Annotation) -> str:
    """Say which slice it is and how well it agrees."""
    told = []
    for observer, truth in shown.truths.items():
        table = compare(shown.predicted, truth, annotation=annotation)
        told.append(f"{observer} {rounded(float(table['dice'].mean()))}")
    return f"{shown.name}: here the Dice is, against {', '.join(told)}."
