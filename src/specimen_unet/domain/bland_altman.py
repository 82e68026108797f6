"""Do two measure the same size? The limits between which they differ.

After Bland & Altman 1986 (Lancet 327:307): the mean of the differences is the bias, and
95 % of the differences lie within 1.96 standard deviations of it, if they are normally
distributed and do not grow with the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

_DEVIATIONS = 1.96


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """How far the sizes of two who measured lie apart, in the unit of the sizes.

    Attributes
    ----------
    bias : float
        Mean of first minus second.
    sd : float
        Standard deviation of the differences; NaN of fewer than two pairs.
    low, high : float
        Limits of agreement.
    pairs : int
        How many differences there are.
    undefined : int
        How many pairs were left out, because a size is not known.
    """

    bias: float
    sd: float
    low: float
    high: float
    pairs: int
    undefined: int


def bland_altman(
    first: Sequence[float] | Array, second: Sequence[float] | Array
) -> BlandAltman:
    """Compare the sizes that two measured of the same things.

    Parameters
    ----------
    first, second : sequence of float
        Sizes by who is first and who is second, one a case; NaN is not known.

    Raises
    ------
    ValueError
        If there are not as many of one as of the other.
    """
    sizes = [np.asarray(each, dtype=float).ravel() for each in (first, second)]
    if sizes[0].size != sizes[1].size:
        raise ValueError(
            f"There are {sizes[0].size} sizes of the first but {sizes[1].size} of the "
            "second: give them in pairs."
        )
    differences = sizes[0] - sizes[1]
    known = differences[np.isfinite(differences)]
    bias = float(known.mean()) if known.size else math.nan
    sd = float(known.std(ddof=1)) if known.size > 1 else math.nan
    return BlandAltman(
        bias,
        sd,
        low=bias - _DEVIATIONS * sd,
        high=bias + _DEVIATIONS * sd,
        pairs=known.size,
        undefined=differences.size - known.size,
    )
