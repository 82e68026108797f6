"""One truth from the annotations of several observers, by votes or by STAPLE.

It stands here and not in `domain` because STAPLE is SimpleITK's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import SimpleITK

from specimen_unet.domain.observers import VotingMethod, on_one_grid, vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

ConsensusMethod = Literal[VotingMethod, "staple"]


def consensus(
    annotations: Sequence[Array], method: ConsensusMethod = "majority"
) -> Array:
    """Merge the annotations of several observers into one.

    Parameters
    ----------
    annotations : sequence of ndarray of int or bool, shape (*spatial)
        Label images of one image, 0 is background.
    method : {"majority", "union", "intersection", "staple"}
        "majority": the label that most observers gave, background being one of them;
        background where the first place is shared (so of two observers both must
        agree). "union": what anyone labelled; where labels differ the one that most
        gave, the smallest where the first place is shared. "intersection": what all
        gave the same label. "staple": the label that is most probable when votes
        count by how reliable each observer is for each label, which is estimated
        along with it; background where the first place is shared.

    Returns
    -------
    ndarray of int, shape (*spatial)
        In the integer type that holds the labels of all.

    Raises
    ------
    NoAnnotationError
        If there is no annotation.
    GridMismatchError
        If they differ in shape, or hold negative or fractional labels.
    """
    if method not in get_args(ConsensusMethod):
        raise ValueError(
            f"The method {method!r} is unknown: choose one of "
            f"{', '.join(get_args(ConsensusMethod))}."
        )
    if method == "staple":
        return _staple(on_one_grid(annotations))
    return vote(annotations, method)


def _staple(drawn: Sequence[Array]) -> Array:
    """Estimate the truth and the observers' reliability together.

    For several labels (Rohlfing et al. 2003, IPMI, LNCS 2732:210) and not the STAPLE
    of Warfield et al. 2004 (IEEE TMI 23:903) for each: labels exclude each other, and
    one after another could all claim a voxel, or none. Of one label both are the same.
    """
    # Of one type: NumPy compares those of two as floats.
    found = [np.unique(each).astype(np.uint64) for each in drawn]
    labels = np.unique(np.concatenate([np.zeros(1, np.uint64), *found]))
    # The filter keeps a table of all labels up to the largest, for each observer.
    undecided = len(labels)
    code_type = np.min_scalar_type(undecided)
    codes = [
        np.searchsorted(labels, each.astype(np.uint64)).astype(code_type)
        for each in drawn
    ]
    judge: Any = SimpleITK.MultiLabelSTAPLEImageFilter()  # type: ignore[no-untyped-call]
    judge.SetLabelForUndecidedPixels(undecided)
    merged = judge.Execute([SimpleITK.GetImageFromArray(each) for each in codes])
    values = np.append(labels, np.uint64(0)).astype(drawn[0].dtype)
    result: Array = values[SimpleITK.GetArrayFromImage(merged)]
    return result
