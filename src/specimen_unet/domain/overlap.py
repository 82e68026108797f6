"""How well two label images overlap, by label and by slice.

Scores are pooled: voxels are counted over the whole image (or slice) first and
divided once; never the mean of scores of parts. With A the predicted and B the true
voxels of a label:

- Dice = 2 |A and B| / (|A| + |B|)    (Dice 1945, Ecology 26:297)
- IoU = |A and B| / |A or B|    (Jaccard 1912, New Phytologist 11:37)
- precision = |A and B| / |A|, recall = |A and B| / |B|
  (names and formulas as in Taha & Hanbury 2015, BMC Medical Imaging 15:29)

What would be 0 / 0 is undefined and NaN: Dice and IoU of a label that is absent from
both images, precision where nothing was predicted, recall where nothing is true. Dice
and IoU of a label that is absent from one image only are 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from specimen_unet.domain.annotation import annotated_voxels
from specimen_unet.domain.counts import (
    Counts,
    checked_labels,
    count,
    without_painted_background,
)
from specimen_unet.domain.errors import GridMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Annotation, Array

# Values of an error map.
BACKGROUND = 0
AGREED = 1
MISSED = 2
ADDED = 3
OTHER_LABEL = 4


def compare(
    predicted: Array,
    truth: Array,
    *,
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    annotation: Annotation = "everywhere",
    label_names: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Score every label of a label image against the ground truth.

    Parameters
    ----------
    predicted, truth : ndarray of int or bool, shape (Y, X) or (Z, Y, X)
        Label images on one grid; 0 is background and gets no row.
    spacing : sequence of float, optional
        Size of a voxel along each axis; sizes are voxel counts without it.
    unit : str, optional
        Unit of `spacing`, for the name of the unit of sizes.
    annotation : {"everywhere", "slices", "painted"}, optional
        What 0 means in `truth`; voxels that are not annotated are left out. With
        "painted" the smallest label of `truth` is the background.
    label_names : mapping of int to str, optional
        Names by label. A label named here has a row also where it does not occur.

    Returns
    -------
    DataFrame
        One row a label, in increasing order: ``label, name, dice, iou, precision,
        recall, predicted_size, true_size, shared_size`` (of what is both),
        ``size_difference`` (predicted minus true) and ``size_difference_percent`` (of
        the true size; undefined where nothing is true). Sizes are areas or volumes;
        ``attrs["size_unit"]`` names their unit, e.g. ``"mm³"``. NaN is undefined.

    Raises
    ------
    GridMismatchError
        If the images differ in shape, or hold negative or fractional labels.
    """
    names = dict(label_names or {})
    counts = count(predicted, truth, axis=None, annotation=annotation, extra=names)
    table = _pooled(counts, names, _voxel_size(spacing, truth.ndim))
    table.attrs["size_unit"] = size_unit(
        unit if spacing is not None else "pixel", truth
    )
    return table


def compare_by_slice_too(
    predicted: Array,
    truth: Array,
    *,
    spacing: Sequence[float],
    annotation: Annotation = "everywhere",
    label_names: Mapping[int, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what `compare` and `compare_slices` do, and count but once for both.

    Parameters are those of `compare`; slices lie across the first axis, and their
    sizes are pixel counts.
    """
    names = dict(label_names or {})
    by_slice = count(predicted, truth, axis=0, annotation=annotation, extra=names)
    pooled = Counts(
        by_slice.labels,
        *(
            counted.sum(axis=0, keepdims=True)
            for counted in (by_slice.predicted, by_slice.true, by_slice.both)
        ),
    )
    table = _pooled(pooled, names, _voxel_size(spacing, truth.ndim))
    occurs = table.loc[table["predicted_size"] + table["true_size"] > 0, "label"]
    slices = _scores(by_slice, 1.0)
    return table, slices[slices["label"].isin(occurs)].reset_index(drop=True)


def compare_slices(
    predicted: Array,
    truth: Array,
    *,
    axis: int = 0,
    spacing: Sequence[float] | None = None,
    annotation: Annotation = "everywhere",
) -> pd.DataFrame:
    """Score every label in every slice.

    Parameters
    ----------
    predicted, truth, annotation
        As in `compare`.
    axis : int, optional
        Axis across which the slices lie.
    spacing : sequence of float, optional
        Size of a voxel along each axis; sizes are areas then, pixel counts without.

    Returns
    -------
    DataFrame
        One row a slice and label that occurs anywhere: ``slice, label, dice, iou,
        precision, recall, predicted_size, true_size, shared_size``; Dice and IoU are
        NaN in slices where both images lack the label, or that are not annotated.

    Raises
    ------
    GridMismatchError
        As `compare`.
    """
    counts = count(predicted, truth, axis=axis, annotation=annotation)
    across = 1.0 if spacing is None else float(spacing[axis])
    return _scores(counts, _voxel_size(spacing, truth.ndim) / across)


def mean_dice(table: pd.DataFrame) -> float:
    """Return the mean Dice of the rows where it is defined; NaN where none is."""
    return float(table["dice"].mean())


def error_map(
    predicted: Array, truth: Array, *, annotation: Annotation = "everywhere"
) -> Array:
    """Say for every voxel whether the images agree.

    Parameters
    ----------
    predicted, truth, annotation
        As in `compare`.

    Returns
    -------
    ndarray of uint8, shape of `truth`
        `BACKGROUND` in both (or not annotated), `AGREED` on a label, `MISSED` (true
        but not predicted), `ADDED` (predicted but not true), `OTHER_LABEL`.

    Raises
    ------
    GridMismatchError
        As `compare`.
    """
    predicted, truth = checked_labels(predicted, "prediction", truth, "ground truth")
    is_annotated = annotated_voxels(truth, annotation)
    predicted, truth = without_painted_background(predicted, truth, annotation)
    is_predicted, is_true = predicted != 0, truth != 0
    errors = np.full(truth.shape, BACKGROUND, np.uint8)
    errors[is_true & is_predicted] = OTHER_LABEL
    errors[is_true & (predicted == truth)] = AGREED
    errors[is_true & ~is_predicted] = MISSED
    errors[~is_true & is_predicted] = ADDED
    errors[np.broadcast_to(~is_annotated, truth.shape)] = BACKGROUND
    return errors


def size_unit(unit: str, labels: Array) -> str:
    """Name the unit of areas or volumes, e.g. ``"mm³"``, ``"voxels"``."""
    if unit == "pixel":
        return "pixels" if labels.ndim == 2 else "voxels"
    return f"{unit}{'²' if labels.ndim == 2 else '³'}"


def _voxel_size(spacing: Sequence[float] | None, dimensions: int) -> float:
    if spacing is None:
        return 1.0
    if len(spacing) != dimensions:
        raise GridMismatchError(
            f"The spacing {tuple(spacing)} has {len(spacing)} numbers, but the labels "
            f"have {dimensions} axes: give one number an axis."
        )
    return math.prod(map(float, spacing))


def _pooled(
    counts: Counts, names: Mapping[int, str], voxel_size: float
) -> pd.DataFrame:
    """Turn counts of the whole image into the table of `compare`."""
    table = _scores(counts, voxel_size).drop(columns="slice")
    table.insert(1, "name", [names.get(k, f"label {k}") for k in table["label"]])
    table["size_difference"] = table["predicted_size"] - table["true_size"]
    table["size_difference_percent"] = 100 * _ratio(
        table["size_difference"].to_numpy(), table["true_size"].to_numpy()
    )
    return table


def _scores(counts: Counts, voxel_size: float) -> pd.DataFrame:
    """Turn counts into scores, a row a slice and label."""
    n_slices, n_labels = counts.both.shape
    predicted, true, both = (
        table.ravel() for table in (counts.predicted, counts.true, counts.both)
    )
    return pd.DataFrame(
        {
            "slice": np.repeat(np.arange(n_slices), n_labels),
            "label": np.tile(counts.labels, n_slices),
            "dice": _ratio(2 * both, predicted + true),
            "iou": _ratio(both, predicted + true - both),
            "precision": _ratio(both, predicted),
            "recall": _ratio(both, true),
            "predicted_size": predicted * voxel_size,
            "true_size": true * voxel_size,
            "shared_size": both * voxel_size,
        }
    )


def _ratio(part: Array, whole: Array) -> Array:
    """Divide; NaN where the whole is 0."""
    undefined = np.full(part.shape, np.nan)
    ratio: Array = np.divide(part, whole, out=undefined, where=whole > 0)
    return ratio
