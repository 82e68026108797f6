"""What several observers teach: one of them, all of them, or what they agree on.

What they agree on is worked out where it is read, so that a training learns from what
is painted meanwhile; STAPLE alone looks at whole cases, once.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.observers import on_one_grid, vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.observers import VotingMethod
    from specimen_unet.domain.settings import Teaching

_AS_THEY_DREW = ("random", "mean")


def as_taught(cases: Sequence[Case], method: Teaching) -> list[Case]:
    """Return cases with the labels that are learnt from.

    Parameters
    ----------
    cases : sequence of Case
        With labels of one or more observers each.
    method : str
        Of `TrainingSettings.observers`.

    Returns
    -------
    list of Case
        The same cases where observers are learnt from as they drew, or drew alone;
        else with one observer, called like the method.

    Raises
    ------
    NoAnnotationError
        If they agree on no label at all.
    """
    if method in _AS_THEY_DREW:
        return list(cases)
    taught = [_agreed(case, method) for case in cases]
    drawn = (labels for case in taught for labels in case.labels.values())
    if not any(np.any(np.asarray(labels)) for labels in drawn):
        raise NoAnnotationError(
            f"The observers agree on no label in any case ({method}): learn from one "
            "at random, or from the union of what they drew."
        )
    return taught


def _agreed(case: Case, method: Teaching) -> Case:
    if len(case.labels) < 2:
        return case
    drawn = list(case.labels.values())
    labels: Any = (
        _Staple(drawn)
        if method == "staple"
        else _Voted(drawn, cast("VotingMethod", method))
    )
    return case.with_labels({method: labels})


class _Agreed:
    """Labels of several observers made one; read like an array.

    Parameters
    ----------
    drawn : sequence of ndarray of int or bool, shape (*spatial)
        What each of them drew.
    """

    def __init__(self, drawn: Sequence[Array]) -> None:
        self._drawn = drawn
        self.shape: tuple[int, ...] = tuple(drawn[0].shape)
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.dtype = on_one_grid([labels[:0] for labels in drawn])[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self[...], dtype)

    def __getitem__(self, inside: Any) -> Array:
        raise NotImplementedError


class _Voted(_Agreed):
    """What they vote for, voxel by voxel, as it is now."""

    def __init__(self, drawn: Sequence[Array], method: VotingMethod) -> None:
        super().__init__(drawn)
        self._method = method

    def __getitem__(self, inside: Any) -> Array:
        parts = [np.asarray(labels[inside]) for labels in self._drawn]
        return vote(parts, self._method)


class _Staple(_Agreed):
    """What STAPLE finds in whole cases, when it is first read."""

    def __getitem__(self, inside: Any) -> Array:
        found: Array = self._found[inside]
        return found

    @cached_property
    def _found(self) -> Array:
        # It brings SimpleITK, which machines that only train need not have.
        from specimen_unet.files.consensus import consensus

        return consensus([np.asarray(labels) for labels in self._drawn], "staple")
