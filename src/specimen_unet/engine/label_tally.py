"""Voxels and gray values of every label, counted a block at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.annotation import annotated_voxels
from specimen_unet.domain.errors import GridMismatchError, PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.domain.case import Annotation, Array

_MOST_LABELS = 254
_LARGEST_LABEL = 2**16 - 1
# Gray values of so many voxels of a block say enough about all of them.
_SAMPLE = 2**17


@dataclass(slots=True)
class Sums:
    """Voxels of a label, and sums over the gray values of a sample of them."""

    voxels: int = 0
    sampled: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, parts: Iterable[Sums]) -> Sums:
        """Add up."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    def add(self, other: Sums) -> None:
        """Count another part in."""
        self.voxels += other.voxels
        self.sampled += other.sampled
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self) -> float:
        """Mean gray value; 0 without voxels."""
        return self.total / self.sampled if self.sampled else 0.0

    @property
    def sd(self) -> float:
        """Standard deviation of the gray values; 0 without voxels."""
        if not self.sampled:
            return 0.0
        return math.sqrt(max(self.squares / self.sampled - self.mean**2, 0.0))


@dataclass(slots=True)
class LabelTally:
    """All labels seen so far, over all cases and observers; 0 included."""

    voxels: int = 0
    annotated: int = 0
    by_label: dict[int, Sums] = field(default_factory=dict)

    def add(self, gray: Array, drawn: Array, annotation: Annotation) -> int:
        """Count a block in, and return how many of its voxels are annotated.

        Parameters
        ----------
        gray : ndarray, shape (*spatial)
            Gray values.
        drawn : ndarray of int or bool, shape (*spatial)
            What one observer drew.
        annotation : {"everywhere", "slices", "painted"}
            What 0 means.

        Raises
        ------
        GridMismatchError
            If a label is negative.
        PlanError
            If there are too many labels.
        """
        is_annotated = np.broadcast_to(annotated_voxels(drawn, annotation), drawn.shape)
        labels, values = drawn[is_annotated], gray[is_annotated]
        self.voxels += drawn.size
        self.annotated += labels.size
        if labels.size:
            _check_range(labels)
            self._count(labels, values)
            _check_number(self.by_label)
        return int(labels.size)

    def _count(self, labels: Array, values: Array) -> None:
        """Count annotated voxels in."""
        counts = np.bincount(labels.astype(np.intp))
        thin = max(labels.size // _SAMPLE, 1) | 1
        sampled = labels[::thin].astype(np.intp)
        gray = values[::thin].astype(np.float64)
        n = len(counts)
        weights = np.bincount(sampled, minlength=n)
        totals = np.bincount(sampled, gray, minlength=n)
        squares = np.bincount(sampled, gray**2, minlength=n)
        for label in np.flatnonzero(counts):
            part = Sums(
                int(counts[label]),
                float(weights[label]),
                float(totals[label]),
                float(squares[label]),
            )
            self.by_label.setdefault(int(label), Sums()).add(part)


def _check_range(labels: Array) -> None:
    """Refuse labels that a prediction could not be written with."""
    if labels.min() < 0:
        raise GridMismatchError(
            f"The labels hold the number {labels.min()}, but labels must not be "
            "negative: 0 is background, 1, 2, ... are labels."
        )
    if labels.max() > _LARGEST_LABEL:
        raise PlanError(
            f"The labels hold the number {labels.max()}, but the largest label is "
            f"{_LARGEST_LABEL}: number the labels 1, 2, ..."
        )


def _check_number(by_label: dict[int, Sums]) -> None:
    """Refuse labels that number objects rather than kinds of tissue."""
    found = len(by_label.keys() - {0})
    if found > _MOST_LABELS:
        raise PlanError(
            f"{found} different labels were found, but at most {_MOST_LABELS} kinds "
            "can be learnt. If every object has a number of its own, give all objects "
            "of one kind the same label first."
        )
