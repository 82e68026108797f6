"""Which labels lie in one order along an axis in all cases: head before tail.

A mirrored patch shows the opposite. Where little but the order tells two labels apart,
it teaches what is wrong.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.domain.case import Array

# So many cases with both labels are needed to say "always".
_FEWEST_CASES = 3
# Two labels are clearly apart where their middles are so many times as far from each
# other as voxels of the longer one typically (standard deviation) from its own middle.
# Blocks of one length side by side have 3.5.
_CLEARLY = 1.5
# So many labelled voxels of a block say well enough where its labels lie.
_SAMPLE = 2**16

Order = tuple[int, int, int]
"""An axis, the label that comes first along it, and the one that comes later."""


@dataclass(slots=True)
class LabelPlaces:
    """Where the labels of one observer lie in one case, a block of slices at a time."""

    _sums: dict[int, Array] = field(default_factory=dict)
    _slices: int = 0

    def add(self, drawn: Array) -> None:
        """Count the next block in.

        Parameters
        ----------
        drawn : ndarray of int or bool, shape (*spatial)
            Labels; blocks follow one another along the first axis.
        """
        start, self._slices = self._slices, self._slices + len(drawn)
        labelled = np.flatnonzero(drawn)
        thin = max(labelled.size // _SAMPLE, 1) | 1
        places = np.array(np.unravel_index(labelled[::thin], drawn.shape), float)
        places[0] += start
        labels = drawn.reshape(-1)[labelled[::thin]]
        for label in np.unique(labels):
            of_label = places[:, labels == label]
            count = np.full(len(places), of_label.shape[1])
            sums = np.stack([count, of_label.sum(1), (of_label**2).sum(1)]) * thin
            self._sums[int(label)] = self._sums.get(int(label), 0) + sums

    @property
    def labels(self) -> frozenset[int]:
        """All labels that were found here."""
        return frozenset(self._sums)

    @property
    def pairs(self) -> set[tuple[int, int]]:
        """All labels that are here together, each two both ways round."""
        return set(itertools.permutations(self._sums, 2))

    @property
    def orders(self) -> set[Order]:
        """Which labels come before which others, clearly, and along which axes."""
        if not self._sums:
            return set()
        labels = [*self._sums]
        counts, totals, squares = np.stack([*self._sums.values()], 1)
        middles = totals / counts
        spreads = np.sqrt(np.maximum(squares / counts - middles**2, 0))
        distances = middles[np.newaxis] - middles[:, np.newaxis]
        longer = np.maximum(spreads[np.newaxis], spreads[:, np.newaxis])
        found = np.argwhere((distances > _CLEARLY * longer) & (distances > 0))
        return {(axis, labels[k], labels[n]) for k, n, axis in found.tolist()}


@dataclass(slots=True)
class LabelOrder:
    """What held in all cases so far."""

    _together: Counter[tuple[int, int]] = field(default_factory=Counter)
    _held: Counter[Order] = field(default_factory=Counter)

    def add(self, observers: Iterable[LabelPlaces]) -> None:
        """Count a case in: an order holds if it does for all who drew both labels."""
        drawn = [(places.pairs, places.orders) for places in observers]
        self._together.update(set().union(*(pairs for pairs, _ in drawn)))
        self._held.update(
            order
            for order in set().union(*(orders for _, orders in drawn))
            if all(order in orders for pairs, orders in drawn if order[1:] in pairs)
        )

    @property
    def always(self) -> tuple[Order, ...]:
        """One order for each axis, if any held wherever both labels were.

        In cases enough to say so.
        """
        held = {
            order[0]: order
            for order, cases in sorted(self._held.items(), reverse=True)
            if self._together[order[1:]] == cases >= _FEWEST_CASES
        }
        return tuple(sorted(held.values()))
