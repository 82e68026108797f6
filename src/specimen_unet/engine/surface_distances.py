"""How far the outlines of two label images lie apart, by label, in the grid's unit.

MONAI finds the surfaces and the distances between them. With S the surface of the
predicted and T that of the true voxels of a label, and d(s, T) the distance from a
point of S to the nearest of T:

- HD95 = the larger of the 95th percentiles of d(s, T) over S and of d(t, S) over T
  (Huttenlocher et al. 1993, IEEE TPAMI 15:850, with a percentile for the maximum, as
  in Taha & Hanbury 2015, BMC Medical Imaging 15:29)
- mean surface distance = the mean over both, d(s, T) and d(t, S) together (average
  symmetric surface distance; Heimann et al. 2009, IEEE TMI 28:1251)
- surface Dice = the share of both surfaces that lies within a tolerance of the other
  (Nikolov et al. 2021, J Med Internet Res 23:e26151)

In the first two a surface is the voxels of a label that have a face in common with
another, and counts by voxels. Surface Dice weighs pieces of surface, which lie between
voxels, by their area, as the package of its authors does.
"""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from monai.metrics.surface_dice import compute_surface_dice
from monai.metrics.utils import get_edge_surface_distance
from scipy import ndimage

from specimen_unet.domain.counts import checked_labels, labels_present
from specimen_unet.domain.errors import GridMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

_DISTANCES = ("hd95", "mean_surface_distance")
SURFACE_DICE = "surface_dice"
# Above this, boxes are looked for by position in the list of labels.
_LARGE_LABEL = 65_535


def surface_distances(
    predicted: Array,
    truth: Array,
    grid: Grid,
    *,
    tolerance: float | None = None,
    label_names: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Measure how far the surfaces of every label lie apart.

    Everything must be annotated: where slices were left out there is no surface.

    Parameters
    ----------
    predicted, truth : ndarray of int or bool, shape (Y, X) or (Z, Y, X)
        Label images on one grid; 0 is background and gets no row.
    grid : Grid
        Spacing of the voxels; distances are in its unit.
    tolerance : float, optional
        Distance in the grid's unit up to which surfaces agree; without it there is
        no surface Dice. Take what observers differ by.
    label_names : mapping of int to str, optional
        Names by label. A label named here has a row also where it does not occur.

    Returns
    -------
    DataFrame
        One row a label, in increasing order: ``label, name, hd95,
        mean_surface_distance`` and, with a tolerance, ``surface_dice``. Distances are
        NaN, undefined, where a label is absent from either image; surface Dice is NaN
        where it is absent from both, and 0 where it is absent from one.
        ``attrs["unit"]`` and ``attrs["tolerance"]`` tell those of the distances,
        ``attrs["undefined"]`` how many labels have no value, by column.

    Raises
    ------
    GridMismatchError
        If the images differ in shape, have another number of axes than the grid, or
        hold negative or fractional labels.
    ValueError
        If the tolerance is negative or not finite.
    """
    predicted, truth = checked_labels(predicted, "prediction", truth, "ground truth")
    _check(truth, grid, tolerance)
    names = dict(label_names or {})
    labels = sorted({*labels_present(predicted), *labels_present(truth), *names} - {0})
    boxes = _joint_boxes(predicted, truth, labels)
    columns = [*_DISTANCES, *([] if tolerance is None else [SURFACE_DICE])]
    rows = [
        _scores(predicted[box] == label, truth[box] == label, grid, tolerance)
        if box
        else [math.nan] * len(columns)
        for label, box in zip(labels, boxes, strict=True)
    ]
    table = pd.DataFrame(rows, columns=columns, dtype=float)
    table.insert(0, "label", labels)
    table.insert(1, "name", [names.get(label, f"label {label}") for label in labels])
    table.attrs.update(
        unit=grid.unit,
        tolerance=tolerance,
        undefined={name: int(table[name].isna().sum()) for name in columns},
    )
    return table


def _check(truth: Array, grid: Grid, tolerance: float | None) -> None:
    if truth.ndim != grid.dimensions:
        raise GridMismatchError(
            f"The grid has {grid.dimensions} axes, but the labels have {truth.ndim}: "
            "give the grid of their image."
        )
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(
            f"The tolerance is {tolerance}, but must be a distance in the grid's unit, "
            "0 or more."
        )


def _joint_boxes(
    predicted: Array, truth: Array, labels: Sequence[int]
) -> list[tuple[slice, ...] | None]:
    """Return for each label the box that holds it in both images; None without any."""
    if not labels:
        return []
    images = [predicted, truth]
    places = [label - 1 for label in labels]
    if labels[-1] > _LARGE_LABEL:
        listed = np.array([0, *labels], np.uint64)
        # Of one type: NumPy compares those of two as floats.
        images = [
            np.searchsorted(listed, image.astype(np.uint64)).astype(np.int32)
            for image in images
        ]
        places = list(range(len(labels)))
    found = [ndimage.find_objects(image, max_label=places[-1] + 1) for image in images]
    return [_joint(*(boxes[place] for boxes in found)) for place in places]


def _joint(
    first: tuple[slice, ...] | None, second: tuple[slice, ...] | None
) -> tuple[slice, ...] | None:
    """Return the smallest box around both; either may not be there."""
    if first is None or second is None:
        return first or second
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(first, second, strict=True)
    )


def _scores(
    predicted: Array, truth: Array, grid: Grid, tolerance: float | None
) -> list[float]:
    """Score one label that occurs, in its box."""
    scores = [math.nan] * len(_DISTANCES)
    is_on_both_sides = bool(predicted.any() and truth.any())
    if is_on_both_sides:
        scores = _distances(predicted, truth, grid)
    if tolerance is None:
        return scores
    if not is_on_both_sides:
        return [*scores, 0.0]
    return [*scores, _surface_dice(predicted, truth, grid, tolerance)]


def _distances(predicted: Array, truth: Array, grid: Grid) -> list[float]:
    """Return HD95 and the mean surface distance.

    Both are made of the same distances, which MONAI's functions of these names would
    look for twice, in copies of four bytes a voxel.
    """
    with _without_warnings():
        _, distances, _ = get_edge_surface_distance(
            torch.from_numpy(predicted),
            torch.from_numpy(truth),
            spacing=grid.spacing,
            symmetric=True,
        )
    there, back = (each.numpy().astype(float) for each in distances)
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return [float(hd95), float(np.concatenate([there, back]).mean())]


def _surface_dice(
    predicted: Array, truth: Array, grid: Grid, tolerance: float
) -> float:
    with _without_warnings():
        share = compute_surface_dice(
            torch.from_numpy(predicted)[None, None],
            torch.from_numpy(truth)[None, None],
            [tolerance],
            include_background=True,
            spacing=grid.spacing,
            use_subvoxels=True,
        )
    return float(share.item())


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep to itself that MONAI calls its own function in a way it gives up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
