"""Where the labelled voxels are, so that patches can be centred on them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan

# Positions kept of each class; more would cost memory and give no better patches.
_POSITIONS = 20_000
# Voxels looked at in one go, which bounds the memory of a scan.
_SLAB = 4_000_000
# A person may paint while the network learns, so labels are scanned again and again,
# about this many voxels a step.
_RESCANNED = 250_000
_SHORTEST_PERIOD = 16


@dataclass(frozen=True, slots=True)
class VoxelIndex:
    """Labelled voxels of one observer in one case.

    Attributes
    ----------
    voxels : tuple of ndarray of int
        Flat positions by class, thinned out evenly when there are very many. Those
        of the background are listed only where it is painted.
    is_annotated : ndarray of bool, shape (length of the first axis,)
        Slices (rows in 2D) in which 0 means something. All, unless the annotation
        is "slices".
    unknown : frozenset of int
        Labels that are no class of the plan: painted after it was made.
    """

    voxels: tuple[Array, ...]
    is_annotated: Array
    unknown: frozenset[int] = frozenset()

    @property
    def foreground(self) -> list[Array]:
        """Positions of every class but the background, of those that occur."""
        return [positions for positions in self.voxels[1:] if positions.size]


class LabelScans:
    """The index of every observer of every case, scanned when it is first needed.

    Labels are looked at again at fixed steps, so that what a person paints into
    memory-mapped labels is found. With labels that do not change this changes nothing,
    and the index stays the very same object: what is found depends on the labels and
    the step only.

    Parameters
    ----------
    labels : sequence of ndarray of int, shape (*spatial)
        Labels of every observer of every case.
    is_allowed : sequence of ndarray of bool, shape (length of the first axis,)
        Slices (rows in 2D) whose voxels may be learnt from.
    plan : Plan
        Says what labels mean.
    """

    def __init__(
        self, labels: Sequence[Array], is_allowed: Sequence[Array], plan: Plan
    ) -> None:
        self._labels = labels
        self._is_allowed = is_allowed
        self._plan = plan
        self._found: dict[int, VoxelIndex] = {}
        self._checksums: dict[int, int] = {}
        self._doubted: set[int] = set()
        voxels = sum(drawn.size for drawn in labels)
        self._period = max(_SHORTEST_PERIOD, math.ceil(voxels / _RESCANNED))

    def forget_oldest(self, step: int) -> None:
        """Doubt the scans whose turn it is at this step."""
        turn = range(step % self._period, len(self._labels), self._period)
        self._doubted.update(turn)

    def index(self, number: int) -> VoxelIndex:
        """Return the index of the labels at this position of the list."""
        if number not in self._found or number in self._doubted:
            self._doubted.discard(number)
            self._look(number)
        return self._found[number]

    def _look(self, number: int) -> None:
        """Scan labels, unless they are those that were scanned before."""
        labels = self._labels[number]
        # Taken first: what is painted during the scan is found the next time.
        checksum = _checksum(labels)
        if self._checksums.get(number) == checksum:
            return
        self._found[number] = index_voxels(labels, self._is_allowed[number], self._plan)
        self._checksums[number] = checksum


def index_voxels(labels: Array, is_allowed: Array, plan: Plan) -> VoxelIndex:
    """Scan labels, slab by slab, for the voxels of each class.

    Parameters
    ----------
    labels : ndarray of int or bool, shape (*spatial)
        Labels of one observer, memory-mapped or not.
    is_allowed : ndarray of bool, shape (length of the first axis,)
        Slices (rows in 2D) whose voxels are listed.
    plan : Plan
        Says which label is which class, and what 0 means.

    Returns
    -------
    VoxelIndex
        What was found.
    """
    values = [plan.painted_background or 0, *plan.label_values[1:]]
    positions = [_Positions() for _ in values]
    slice_size = math.prod(labels.shape[1:])
    has_labels = np.zeros(len(labels), bool)
    unknown: set[int] = set()
    for start, stop in _slabs(labels):
        slab = np.asarray(labels[start:stop]).ravel()
        flat = np.flatnonzero(slab)
        slices = flat // slice_size + start
        has_labels[slices] = True
        flat = flat[is_allowed[slices]]
        found = slab[flat]
        for value, listed in zip(values, positions, strict=True):
            listed.add(flat[found == value] + start * slice_size)
        unknown.update(np.unique(found[~np.isin(found, values)]).tolist())
    return VoxelIndex(
        tuple(listed.array() for listed in positions),
        _annotated_slices(has_labels, labels.ndim, plan),
        frozenset(unknown),
    )


def _checksum(labels: Array) -> int:
    """Return a number that changes with the labels; a third of the time of a scan."""
    checksum = 0
    for start, stop in _slabs(labels):
        checksum = zlib.crc32(np.asarray(labels[start:stop]).tobytes(), checksum)
    return checksum


def _slabs(labels: Array) -> Iterator[tuple[int, int]]:
    """Divide labels along the first axis into what is looked at in one go."""
    thickness = max(1, _SLAB // math.prod(labels.shape[1:]))
    for start in range(0, len(labels), thickness):
        yield start, start + thickness


def _annotated_slices(has_labels: Array, dimensions: int, plan: Plan) -> Array:
    """Tell in which slices 0 means something; a flat image is one slice."""
    if plan.annotation != "slices":
        return np.ones_like(has_labels)
    if dimensions == 2:
        return np.full_like(has_labels, has_labels.any())
    return has_labels


class _Positions:
    """Positions of one class; every other one is dropped when there are too many."""

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self._step = 1

    def add(self, flat: Array) -> None:
        self._parts.append(flat[:: self._step])
        while sum(map(len, self._parts)) > _POSITIONS:
            self._parts = [part[::2].copy() for part in self._parts]
            self._step *= 2

    def array(self) -> Array:
        return np.concatenate(self._parts)
