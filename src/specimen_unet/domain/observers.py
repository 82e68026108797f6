"""Several observers of one image: how far they agree, and what they say together."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from specimen_unet.domain.counts import checked_labels, labels_present
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.overlap import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Array

VotingMethod = Literal["majority", "union", "intersection"]
MEAN = "mean"


def agreement(
    annotations: Mapping[str, Array], *, spacing: Sequence[float] | None = None
) -> pd.DataFrame:
    """Score every pair of annotations of one image against each other.

    Parameters
    ----------
    annotations : mapping of str to ndarray of int or bool, shape (*spatial)
        Label images by the name of who made them: observers, and models beside them.
    spacing : sequence of float, optional
        Size of a voxel along each axis; sizes are voxel counts without it.

    Returns
    -------
    DataFrame
        ``first, second, label, dice, iou, first_size, second_size``: one row a pair
        and label that occurs in any annotation, NaN where neither of a pair has it.
        Where there are several labels each pair gets one more row, whose label is
        ``"mean"``: the mean over its labels, undefined ones left out.

    Raises
    ------
    NoAnnotationError
        If there are fewer than two annotations.
    GridMismatchError
        If they differ in shape, or hold negative or fractional labels.
    """
    if len(annotations) < 2:
        raise NoAnnotationError(
            f"There is {len(annotations)} annotation, but agreement is between two: "
            "give the labels of at least two observers."
        )
    names = {
        label: "" for drawn in annotations.values() for label in labels_present(drawn)
    }
    pairs = [
        _pair(compare(a, b, spacing=spacing, label_names=names), first, second)
        for (first, a), (second, b) in combinations(annotations.items(), 2)
    ]
    return pd.concat(pairs, ignore_index=True)


def vote(annotations: Sequence[Array], method: VotingMethod = "majority") -> Array:
    """Merge the annotations of several observers into one, voxel by voxel.

    Parameters
    ----------
    annotations : sequence of ndarray of int or bool, shape (*spatial)
        Label images of one image, 0 is background.
    method : {"majority", "union", "intersection"}
        As `consensus` tells.

    Returns
    -------
    ndarray of int, shape (*spatial)
        In the integer type that holds the labels of all.

    Raises
    ------
    NoAnnotationError
        If there is no annotation.
    GridMismatchError
        If they differ in shape, or hold negative or fractional labels.
    """
    if method not in get_args(VotingMethod):
        raise ValueError(
            f"The method {method!r} is unknown: choose one of "
            f"{', '.join(get_args(VotingMethod))}."
        )
    drawn = on_one_grid(annotations)
    if method == "intersection":
        agreed = np.logical_and.reduce([labels == drawn[0] for labels in drawn])
        return np.where(agreed, drawn[0], 0)
    return _voted(drawn, background_votes=method == "majority")


def votes_map(annotations: Sequence[Array]) -> Array:
    """Count for every voxel how many gave it one and the same label.

    Parameters
    ----------
    annotations : sequence of ndarray of int or bool, shape (*spatial)
        Label images of one image, 0 is background.

    Returns
    -------
    ndarray of uint8, shape (*spatial)
        Votes of the label that has most of them; 0 where nobody labelled anything.

    Raises
    ------
    NoAnnotationError
        If there is no annotation.
    GridMismatchError
        If they differ in shape, or hold negative or fractional labels.
    """
    drawn = on_one_grid(annotations)
    most = np.zeros(drawn[0].shape, np.uint8)
    for number, labels in enumerate(drawn):
        # Who came before has counted this one's vote, if they agree.
        votes = (labels != 0).astype(np.uint8)
        for other in drawn[number + 1 :]:
            votes += (labels == other) & (labels != 0)
        np.maximum(most, votes, out=most)
    return most


def _voted(drawn: Sequence[Array], *, background_votes: bool) -> Array:
    """Give every voxel the label with most votes."""
    winner = np.zeros_like(drawn[0])
    most = np.zeros(winner.shape, np.uint16)
    for labels in drawn:
        votes = sum((labels == other).astype(np.uint16) for other in drawn)
        if not background_votes:
            votes = votes * (labels != 0)
        is_tie = (votes == most) & (labels != winner) & (votes > 0)
        # A shared first place is held by background, or by the smallest label.
        tied = 0 if background_votes else np.minimum(winner, labels)
        winner = np.where(is_tie, tied, np.where(votes > most, labels, winner))
        most = np.maximum(most, votes)
    return winner


def on_one_grid(annotations: Sequence[Array]) -> list[Array]:
    """Check the annotations against the first and bring them to one integer type.

    Raises
    ------
    NoAnnotationError
        If there is no annotation.
    GridMismatchError
        If they differ in shape, or hold negative or fractional labels.
    """
    if not annotations:
        raise NoAnnotationError(
            "There is no annotation to merge: give the labels of at least one observer."
        )
    checked = [
        checked_labels(labels, f"annotation {number}", annotations[0], "annotation 1")
        for number, labels in enumerate(annotations, start=1)
    ]
    drawn = [labels for labels, _ in checked]
    dtype = np.result_type(*drawn)
    # NumPy's common type of int64 and uint64 is a float.
    return [
        labels.astype(np.uint64 if dtype.kind == "f" else dtype, copy=False)
        for labels in drawn
    ]


def _pair(table: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Name the two of a pair, and add the mean where there are several labels."""
    rows = table[["label", "dice", "iou", "predicted_size", "true_size"]].rename(
        columns={"predicted_size": "first_size", "true_size": "second_size"}
    )
    if len(rows) > 1:
        mean = {name: rows[name].mean() for name in ("dice", "iou")}
        total = {name: rows[name].sum() for name in ("first_size", "second_size")}
        rows = pd.concat(
            [
                rows.astype({"label": object}),
                pd.DataFrame([{"label": MEAN, **mean, **total}]),
            ],
            ignore_index=True,
        )
    rows.insert(0, "first", first)
    rows.insert(1, "second", second)
    return rows
