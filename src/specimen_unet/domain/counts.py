"""Voxel counts by label and slice: what every overlap score is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.annotation import annotated_voxels
from specimen_unet.domain.errors import GridMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.domain.case import Annotation, Array

# Above this, counting is done on the labels that occur, not on all values below.
_LARGE_LABEL = 4095


@dataclass(frozen=True, slots=True)
class Counts:
    """Voxels of every label in every slice; arrays are (slices, labels)."""

    labels: Array
    predicted: Array
    true: Array
    both: Array


@dataclass(frozen=True, slots=True)
class _Codes:
    """Two images as positions in `labels`."""

    labels: Array
    predicted: Array
    true: Array


def checked_labels(
    first: Array, first_name: str, second: Array, second_name: str
) -> tuple[Array, Array]:
    """Return both as label images on one grid, booleans as 0 and 1.

    Raises
    ------
    GridMismatchError
        If the shapes differ, or labels are negative or not whole numbers.
    """
    if first.shape != second.shape:
        raise GridMismatchError(
            f"The {first_name} is {first.shape} but the {second_name} is "
            f"{second.shape}: choose two labels layers of the same image."
        )
    return _whole(first, first_name), _whole(second, second_name)


def _whole(labels: Array, name: str) -> Array:
    """Refuse what is no label image; make booleans 0 and 1."""
    if labels.dtype.kind not in "bui":
        raise GridMismatchError(
            f"The {name} holds {labels.dtype} values, but labels must be whole "
            "numbers: convert it first (napari: Convert data type)."
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise GridMismatchError(
            f"The {name} holds the label {labels.min()}, but labels must not be "
            "negative: 0 is background, 1, 2, ... are labels."
        )
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def without_painted_background(
    predicted: Array, truth: Array, annotation: Annotation
) -> tuple[Array, Array]:
    """Write 0 for the label that is the background when 0 means "not annotated"."""
    if annotation != "painted" or not truth.any():
        return predicted, truth
    background = truth[truth != 0].min()
    return (
        np.where(predicted == background, 0, predicted),
        np.where(truth == background, 0, truth),
    )


def count(
    predicted: Array,
    truth: Array,
    *,
    axis: int | None,
    annotation: Annotation,
    extra: Iterable[int] = (),
) -> Counts:
    """Count voxels by label, over annotated voxels only.

    Parameters
    ----------
    predicted, truth : ndarray of int or bool, shape (*spatial)
        Label images on one grid.
    axis : int or None
        Axis across which the slices lie; None counts the image as one slice.
    annotation : {"everywhere", "slices", "painted"}
        What 0 means in `truth`.
    extra : iterable of int, optional
        Labels to list although they may not occur.

    Raises
    ------
    GridMismatchError
        As `checked_labels`.
    """
    predicted, truth = checked_labels(predicted, "prediction", truth, "ground truth")
    is_annotated = annotated_voxels(truth, annotation)
    predicted, truth = without_painted_background(predicted, truth, annotation)
    # Most voxels are background in both, and nobody counts them.
    voxels = np.flatnonzero(((predicted != 0) | (truth != 0)) & is_annotated)
    codes = _coded(predicted.ravel()[voxels], truth.ravel()[voxels], extra)
    slices, n_slices = _slices(voxels, truth.shape, axis)
    shape = (n_slices, len(codes.labels))
    agree = codes.predicted == codes.true
    tables = (
        _counted(slices, codes.predicted, shape),
        _counted(slices, codes.true, shape),
        _counted(slices[agree], codes.true[agree], shape),
    )
    is_row = (tables[0] + tables[1]).any(axis=0) | np.isin(codes.labels, list(extra))
    is_row &= codes.labels != 0
    return Counts(codes.labels[is_row], *(table[:, is_row] for table in tables))


def labels_present(labels: Array) -> list[int]:
    """List the labels that occur, in increasing order and without the background."""
    foreground = labels[labels > 0]
    if foreground.max(initial=0) > _LARGE_LABEL:
        return [int(label) for label in np.unique(foreground)]
    counted = np.bincount(foreground.astype(np.intp))  # it refuses uint64
    return [int(label) for label in np.flatnonzero(counted)]


def _slices(
    voxels: Array, shape: tuple[int, ...], axis: int | None
) -> tuple[Array, int]:
    """Return in which slice each voxel (a flat index) lies, and of how many."""
    if axis is None:
        return np.zeros_like(voxels), 1
    after = math.prod(shape[axis % len(shape) + 1 :])
    return voxels // after % shape[axis], shape[axis]


def _counted(slices: Array, codes: Array, shape: tuple[int, int]) -> Array:
    """Return how often each code occurs in each slice, shape (slices, codes)."""
    n_bins = shape[0] * shape[1]
    return np.bincount(slices * shape[1] + codes, minlength=n_bins).reshape(shape)


def _coded(predicted: Array, truth: Array, extra: Iterable[int]) -> _Codes:
    """Return both images as positions in one list of labels."""
    named = np.array([0, *extra], np.uint64)
    largest = max(int(values.max(initial=0)) for values in (predicted, truth, named))
    if largest <= _LARGE_LABEL:
        return _Codes(
            np.arange(largest + 1), predicted.astype(np.intp), truth.astype(np.intp)
        )
    values = np.concatenate([array.astype(np.uint64) for array in (predicted, truth)])
    labels = np.unique(np.concatenate([values, named]))
    codes = np.searchsorted(labels, values)
    return _Codes(labels, codes[: predicted.size], codes[predicted.size :])
