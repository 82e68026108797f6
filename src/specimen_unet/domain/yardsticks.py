"""A model among observers, over many cases: every pair, and Williams' index.

Williams' index asks whether a model is as close to the observers as they are to each
other (Williams 1976, Biometrics 32:619; for segmentations Chalana & Kim 1997, IEEE TMI
16:642, Martin-Fernandez et al. 2005, LNCS 3749:515, and Bouix et al. 2007, NeuroImage
36:1207). With a(j, k) the agreement of two, averaged over the cases, and n observers:

    index = mean of a(model, j) over observers / mean of a(j, k) over their pairs
          = (n - 1) sum_j a(model, j) / (2 sum_(j < k) a(j, k))
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from specimen_unet.domain.bootstrap import (
    RESAMPLES,
    draws_of_groups,
    percentile_interval,
)
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.observers import MEAN
from specimen_unet.domain.summary import group_numbers, mean_of_draws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.case import Array

    Agreements = pd.DataFrame | Mapping[str, pd.DataFrame]

PairScore = Literal["dice", "iou"]


@dataclass(frozen=True, slots=True, eq=False)
class AgreementMatrix:
    """How far every pair agrees; each table has a row and a column for everyone.

    Attributes
    ----------
    mean : DataFrame
        Mean score over the cases; 1 of everyone with oneself.
    cases : DataFrame of int
        How many cases each mean is over.
    undefined : DataFrame of int
        How many cases have no score: neither of the two drew anything, or one of them
        was not there.
    """

    mean: pd.DataFrame
    cases: pd.DataFrame
    undefined: pd.DataFrame


@dataclass(frozen=True, slots=True)
class WilliamsIndex:
    """Whether a model is as close to the observers as they are to each other.

    Attributes
    ----------
    index : float
        1: as close; below 1: further away; above 1: closer than they are.
    low, high : float
        95 % bootstrap interval over groups of cases; NaN of a single group.
    with_observers, among_observers : float
        Mean agreement of the model with the observers, and of their pairs.
    observers : tuple of str
        Whom it was compared with.
    cases, groups : int
        How many there are.
    undefined : int
        How many pairs in how many cases (added up) have no score.
    """

    index: float
    low: float
    high: float
    with_observers: float
    among_observers: float
    observers: tuple[str, ...]
    cases: int
    groups: int
    undefined: int


def agreement_matrix(
    agreements: Agreements, *, score: PairScore = "dice", label: int | None = None
) -> AgreementMatrix:
    """Average the agreement of every pair over cases.

    Parameters
    ----------
    agreements : DataFrame or mapping of str to DataFrame
        Table of `agreement` of one case, or the tables of several by case.
    score : {"dice", "iou"}, optional
        Which score.
    label : int, optional
        Of which label; without it the mean over the labels of a case.

    Raises
    ------
    NoAnnotationError
        If there is no case.
    """
    scores = _pair_scores(agreements, score, label)
    names = scores.names()
    n_cases = len(scores.cases)
    mean, cases, undefined = (
        pd.DataFrame(fill, index=names, columns=names) for fill in (1.0, n_cases, 0)
    )
    for (first, second), values in scores.by_pair.items():
        n_defined = int(np.isfinite(values).sum())
        for pair in ((first, second), (second, first)):
            mean.loc[pair] = float(_mean(values))
            cases.loc[pair] = n_defined
            undefined.loc[pair] = n_cases - n_defined
    return AgreementMatrix(mean, cases, undefined)


def williams_index(  # noqa: PLR0913 (each a choice of its own)
    agreements: Agreements,
    model: str = "model",
    *,
    score: PairScore = "dice",
    label: int | None = None,
    groups: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> WilliamsIndex:
    """Ask whether a model is as close to the observers as they are to each other.

    Parameters
    ----------
    agreements : DataFrame or mapping of str to DataFrame
        Table of `agreement` of one case, or the tables of several by case.
    model : str, optional
        Whose index is asked for; all others are observers.
    score, label
        As in `agreement_matrix`.
    groups : mapping of str to str, optional
        Group of every case; without it each case is a group of its own.
    resamples : int, optional
        How often groups are drawn for the interval.
    generator : numpy.random.Generator, optional
        Source of chance; without it the interval is the same every time.

    Raises
    ------
    NoAnnotationError
        If there is no case, no such model, or not two observers beside it.
    ValueError
        If a case has no group.
    """
    scores = _pair_scores(agreements, score, label)
    observers = _observers(scores, model)
    grouped = group_numbers(scores.cases, groups)
    n_groups = int(grouped.max()) + 1
    once = np.ones((1, n_groups), int)
    draws = draws_of_groups(n_groups, resamples=resamples, generator=generator)
    index, with_observers, among = _indices(scores, model, grouped, once)
    drawn = _indices(scores, model, grouped, draws)[0]
    low, high = percentile_interval(drawn) if n_groups > 1 else (math.nan, math.nan)
    return WilliamsIndex(
        *(float(index[0]), low, high),
        with_observers=float(with_observers[0]),
        among_observers=float(among[0]),
        observers=observers,
        cases=len(scores.cases),
        groups=n_groups,
        undefined=sum(int(np.isnan(each).sum()) for each in scores.by_pair.values()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _PairScores:
    """Score of every pair in every case, NaN where undefined; arrays are (cases,)."""

    cases: list[str]
    by_pair: dict[tuple[str, str], Array]

    def names(self) -> list[str]:
        """List who is in any pair, in the order in which they came."""
        return list(dict.fromkeys(name for pair in self.by_pair for name in pair))


def _indices(
    scores: _PairScores, model: str, grouped: Array, draws: Array
) -> tuple[Array, Array, Array]:
    """Return the index of every draw, and the two means that it is made of."""
    means = {
        pair: mean_of_draws(values, grouped, draws)
        for pair, values in scores.by_pair.items()
    }
    with_observers = _mean(np.array([means[pair] for pair in means if model in pair]))
    among = _mean(np.array([means[pair] for pair in means if model not in pair]))
    undefined = np.full(len(draws), np.nan)
    is_defined = np.isfinite(with_observers) & (among > 0)
    index = np.divide(with_observers, among, out=undefined, where=is_defined)
    return index, with_observers, among


def _mean(values: Array) -> Array:
    """Average over the first axis, undefined values left out."""
    is_defined = np.isfinite(values)
    counts = is_defined.sum(axis=0)
    sums = np.where(is_defined, values, 0.0).sum(axis=0)
    undefined = np.full(sums.shape, np.nan)
    means: Array = np.divide(sums, counts, out=undefined, where=counts > 0)
    return means


def _pair_scores(
    agreements: Agreements, score: PairScore, label: int | None
) -> _PairScores:
    """Collect the scores of every pair, whoever of the two is named first."""
    tables: Mapping[str, pd.DataFrame]
    tables = {"": agreements} if isinstance(agreements, pd.DataFrame) else agreements
    if not tables:
        raise NoAnnotationError("There is no case: give the agreement of at least one.")
    by_pair: dict[tuple[str, str], Array] = {}
    for number, table in enumerate(tables.values()):
        is_asked = table["label"] != MEAN if label is None else table["label"] == label
        chosen = table[is_asked].groupby(["first", "second"], sort=False)[score].mean()
        for first, second in zip(
            *map(chosen.index.get_level_values, (0, 1)), strict=True
        ):
            pair = (second, first) if (second, first) in by_pair else (first, second)
            values = by_pair.setdefault(pair, np.full(len(tables), np.nan))
            values[number] = chosen[first, second]
    if not by_pair:
        raise NoAnnotationError("Nobody drew anything: there is nothing to agree on.")
    return _PairScores(list(tables), by_pair)


def _observers(scores: _PairScores, model: str) -> tuple[str, ...]:
    """List whom the model is compared with."""
    names = scores.names()
    if model not in names:
        raise NoAnnotationError(
            f"There is no {model!r} among {', '.join(names)}: name whose index is "
            "asked for."
        )
    observers = tuple(name for name in names if name != model)
    if len(observers) < 2:
        raise NoAnnotationError(
            f"Beside {model!r} there is {', '.join(observers)} alone, but the "
            "yardstick is how two observers agree: give the labels of at least two "
            "observers."
        )
    return observers
