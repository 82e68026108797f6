"""Scores of many cases in one table: means beside pooled scores, and how sure both are.

A mean gives every case the same weight, a pooled score every voxel: of large and small
objects alike they tell different things, so that both are told. Means leave out what is
undefined, and say how much that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from specimen_unet.domain.bootstrap import (
    RESAMPLES,
    draws_of_groups,
    percentile_interval,
)
from specimen_unet.domain.errors import NoAnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from specimen_unet.domain.case import Array

_NO_SCORES = ("label", "name", "case")
_SIZES = ("predicted_size", "true_size", "shared_size")


def summarise(
    tables: Mapping[str, pd.DataFrame],
    *,
    groups: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Sum the scores of many cases up.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables of `compare` or of `surface_distances` by the name of the case.
    groups : mapping of str to str, optional
        Group of every case; without it each case is a group of its own.
    resamples : int, optional
        How often groups are drawn for the interval.
    generator : numpy.random.Generator, optional
        Source of chance; without it the intervals are the same every time.

    Returns
    -------
    DataFrame
        One row a label and score: ``label, name, score, mean, sd, low, high, pooled,
        cases, groups, undefined``. `mean` and `sd` (of a sample) are over the cases
        where the score is defined, `cases` their number and `undefined` that of the
        others. `low` and `high` are the limits of a 95 % bootstrap interval of the
        mean, which draws whole groups (`domain.bootstrap`); NaN of a single group.
        `pooled` is the score of the sizes of all cases added up, NaN where there is no
        such thing (distances).

    Raises
    ------
    NoAnnotationError
        If there is no case.
    ValueError
        If a case has no group.
    """
    if not tables:
        raise NoAnnotationError("There is no case: give the scores of at least one.")
    grouped = group_numbers(tables, groups)
    draws = draws_of_groups(
        int(grouped.max()) + 1, resamples=resamples, generator=generator
    )
    rows = [
        {**known, **_row(scores, name, grouped, draws)}
        for known, scores in _by_label(tables)
        for name in map(str, scores)
    ]
    return pd.DataFrame(rows)


def group_numbers(cases: Iterable[str], groups: Mapping[str, str] | None) -> Array:
    """Return the number of the group of every case.

    Raises
    ------
    ValueError
        If a case has no group.
    """
    names = list(cases)
    without = [name for name in names if groups is not None and name not in groups]
    if without:
        raise ValueError(
            f"No group is given for {', '.join(without)}: give one for every case, or "
            "none at all."
        )
    of_case = [name if groups is None else groups[name] for name in names]
    return np.unique(of_case, return_inverse=True)[1]


def mean_of_draws(values: Array, grouped: Array, draws: Array) -> Array:
    """Return the mean over the cases of every draw; NaN where none is defined.

    Parameters
    ----------
    values : ndarray of float, shape (cases,)
        Score of each case; NaN is left out.
    grouped : ndarray of int, shape (cases,)
        Number of the group of each.
    draws : ndarray of int, shape (resamples, groups)
        How often each group was drawn.
    """
    is_defined = np.isfinite(values)
    n_groups = draws.shape[1]
    sums = np.bincount(grouped, np.where(is_defined, values, 0.0), n_groups)
    counts = draws @ np.bincount(grouped, is_defined, n_groups)
    undefined = np.full(len(draws), np.nan)
    means: Array = np.divide(draws @ sums, counts, out=undefined, where=counts > 0)
    return means


def _by_label(
    tables: Mapping[str, pd.DataFrame],
) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return label and name, and the scores with a row for every case."""
    joint = pd.concat(
        [table.assign(case=case) for case, table in tables.items()], ignore_index=True
    )
    columns = [name for name in joint if name not in _NO_SCORES]
    found = []
    for label, rows in joint.groupby("label"):
        name = rows["name"].iloc[0] if "name" in rows else f"label {label}"
        # Where neither image has the label, the case may have no row of it.
        scores = rows.set_index("case")[columns].reindex(list(tables))
        found.append(({"label": label, "name": name}, scores))
    return found


def _row(
    scores: pd.DataFrame, name: str, grouped: Array, draws: Array
) -> dict[str, Any]:
    """Sum up one score of one label."""
    values = scores[name]
    numbers = values.to_numpy(dtype=float)
    means = mean_of_draws(numbers, grouped, draws)
    n_groups = draws.shape[1]
    low, high = percentile_interval(means if n_groups > 1 else np.array([np.nan]))
    return {
        "score": name,
        "mean": values.mean(),
        "sd": values.std(ddof=1),
        "low": low,
        "high": high,
        "pooled": _pooled(scores, name),
        "cases": int(values.notna().sum()),
        "groups": n_groups,
        "undefined": int(values.isna().sum()),
    }


def _pooled(scores: pd.DataFrame, name: str) -> float:
    """Return a score of the sizes of all cases added up; NaN where it is undefined."""
    if not set(_SIZES) <= set(scores):
        return float("nan")
    predicted, true, shared = (scores[size].sum() for size in _SIZES)
    parts = {
        "dice": (2 * shared, predicted + true),
        "iou": (shared, predicted + true - shared),
        "precision": (shared, predicted),
        "recall": (shared, true),
        "predicted_size": (predicted, 1),
        "true_size": (true, 1),
        "shared_size": (shared, 1),
        "size_difference": (predicted - true, 1),
        "size_difference_percent": (100 * (predicted - true), true),
    }
    part, whole = parts.get(name, (0, 0))
    return float(part / whole) if whole else float("nan")
