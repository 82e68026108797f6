"""Distances between surfaces beside the overlap of a comparison."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd

from specimen_unet.domain.comparison import score
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.events import Finished, TileDone
from specimen_unet.domain.score_tables import SURFACE_SCORES

if TYPE_CHECKING:
    from collections.abc import Generator

    from specimen_unet.domain.comparison import Comparison
    from specimen_unet.domain.control import Control
    from specimen_unet.runs.surface_job import SurfaceJob


def with_surfaces(
    table: pd.DataFrame, comparison: Comparison, tolerance: float | None
) -> pd.DataFrame:
    """Add the columns of `surface_distances` and ``distance_unit`` to every pair.

    Parameters
    ----------
    table : DataFrame
        As `domain.comparison.score` gives it.
    comparison : Comparison
        What it was made of.
    tolerance : float or None
        Up to which distance surfaces agree.

    Raises
    ------
    NoAnnotationError
        If not everything is annotated.
    """
    if comparison.annotation != "everywhere":
        raise NoAnnotationError(
            "Surfaces can be measured only where everything is annotated, but here "
            f"that is {comparison.annotation!r}: compare without surfaces."
        )
    steps = measuring_surfaces(table, comparison, tolerance)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # as its type says


def measuring_surfaces(
    table: pd.DataFrame, comparison: Comparison, tolerance: float | None
) -> Generator[TileDone, None, pd.DataFrame]:
    """Do what `with_surfaces` does pair by pair, and tell how far it is."""
    # It brings torch and MONAI.
    from specimen_unet.engine.surface_distances import surface_distances

    parts = []
    pairs = list(table.groupby(["between_observers", "first", "second"], sort=False))
    begun = time.monotonic()
    for number, (_, rows) in enumerate(pairs, start=1):
        pair = rows.iloc[0]
        is_observer = bool(pair["between_observers"])
        truths = comparison.truths
        found = surface_distances(
            truths[pair["first"]] if is_observer else comparison.predicted,
            truths[pair["second"]],
            comparison.grid,
            tolerance=tolerance,
            label_names=comparison.label_names,
        )
        parts.append(rows.merge(found.drop(columns="name"), on="label", how="left"))
        seconds = time.monotonic() - begun
        yield TileDone(number, len(pairs), seconds / number * (len(pairs) - number))
    joint = pd.concat(parts, ignore_index=True) if parts else table
    joint["distance_unit"] = comparison.grid.unit
    return joint


def measure_job(
    job: SurfaceJob, control: Control | None = None
) -> Generator[TileDone | Finished, None, None]:
    """Measure the surfaces of a job and keep them beside it.

    Yields
    ------
    TileDone, Finished
        One a pair of annotations, and the last with the path of the table. A job that
        is stopped ends without a table.
    """
    order, comparison = job.order(), job.comparison()
    steps = measuring_surfaces(score(comparison).table, comparison, order.tolerance)
    while True:
        try:
            yield next(steps)
        except StopIteration as end:
            job.keep(end.value)
            yield Finished(str(job.table_path))
            return
        if control is not None and control.is_stopped:
            yield Finished(str(job.table_path), stopped_early=True)
            return


def in_words(table: pd.DataFrame) -> list[str]:
    """Say in which unit distances are, and how many rows have none."""
    columns = [name for name in SURFACE_SCORES if name in table]
    if not columns:
        return []
    units = ", ".join(sorted(set(table["distance_unit"])))
    lines = [f"Distances between surfaces are in: {units}"]
    undefined = int(table[columns[0]].isna().sum())
    if undefined:
        lines.append(
            f"Rows without a distance, because a label is on one side alone or on "
            f"neither: {undefined} of {len(table)}"
        )
    return lines
