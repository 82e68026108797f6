"""How sure a mean over cases is: drawing whole groups again and again.

Cases of one group resemble each other, so that they are drawn together (the cluster
bootstrap; Davison & Hinkley 1997, Bootstrap Methods and their Application, section
3.8). The interval is the percentile interval (Efron & Tibshirani 1993, An Introduction
to the Bootstrap, chapter 13). Of few groups it is too narrow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

RESAMPLES = 2000
_TAILS = (2.5, 97.5)


def draws_of_groups(
    groups: int,
    *,
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> Array:
    """Draw as many groups as there are, with replacement, many times.

    Parameters
    ----------
    groups : int
        How many there are.
    resamples : int, optional
        How often to draw.
    generator : numpy.random.Generator, optional
        Source of chance; without it the draws are the same every time.

    Returns
    -------
    ndarray of int, shape (resamples, groups)
        How often each group was drawn.
    """
    generator = generator or np.random.default_rng(0)
    return generator.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def percentile_interval(values: Array) -> tuple[float, float]:
    """Return the limits of the middle 95 % of values; undefined ones are left out."""
    defined = values[np.isfinite(values)]
    if not defined.size:
        return math.nan, math.nan
    low, high = np.percentile(defined, _TAILS)
    return float(low), float(high)
