"""A prediction against every observer and, beside it, the observers among themselves.

How far observers agree with one another is the honest yardstick of a model: one that
agrees with each of them as well as they do cannot be told from a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from specimen_unet.domain.annotation import annotated_voxels
from specimen_unet.domain.overlap import compare_by_slice_too, size_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.domain.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What is compared; arrays are (*spatial), all of one shape.

    `annotation` says what 0 means in the truths. `label_names` are by label value.
    """

    name: str
    predicted: Array = field(repr=False)
    truths: Mapping[str, Array] = field(repr=False)
    grid: Grid
    annotation: Annotation = "everywhere"
    label_names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How far the annotations of a comparison agree.

    `table` has the columns of `overlap.compare` and ``size_unit``, `slices` those of
    `overlap.compare_slices` (it is empty in 2D); in front of both stand ``first,
    second, between_observers``.
    """

    table: pd.DataFrame
    slices: pd.DataFrame
    grid: Grid


def score(comparison: Comparison) -> Scores:
    """Score the prediction against each observer, and the observers in pairs.

    A pair of observers is scored where both annotated.

    Raises
    ------
    GridMismatchError
        If two annotations differ in shape, or hold negative or fractional labels.
    """
    tables, slices = [], []
    for pair in _pairs(comparison):
        table, by_slice = compare_by_slice_too(
            pair.first,
            pair.second,
            spacing=comparison.grid.spacing,
            annotation=comparison.annotation,
            label_names=comparison.label_names,
        )
        tables.append(pair.named(table))
        slices.append(pair.named(by_slice))
    grid = comparison.grid
    joint = pd.concat(tables, ignore_index=True)
    joint["size_unit"] = size_unit(grid.unit, comparison.predicted)
    # The rows of a 2D image are no slices of anything.
    has_slices = grid.dimensions == 3
    return Scores(
        joint,
        pd.concat(slices, ignore_index=True) if has_slices else pd.DataFrame(),
        grid,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two annotations and their names."""

    first_name: str
    second_name: str
    first: Array
    second: Array
    between_observers: bool

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Put the names of the two in front of their scores."""
        table.insert(0, "first", self.first_name)
        table.insert(1, "second", self.second_name)
        table.insert(2, "between_observers", self.between_observers)
        return table


def _pairs(comparison: Comparison) -> Iterator[_Pair]:
    """List who is compared with whom, the prediction first."""
    for observer, truth in comparison.truths.items():
        yield _Pair(comparison.name, observer, comparison.predicted, truth, False)
    for first, second in combinations(comparison.truths, 2):
        drawn, truth = comparison.truths[first], comparison.truths[second]
        if comparison.annotation != "everywhere":
            # Where the first did not annotate, the second cannot be scored either.
            truth = truth * annotated_voxels(drawn, comparison.annotation)
        yield _Pair(first, second, drawn, truth, True)
