"""What the probabilities of classes say: the label of a voxel, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array


def labels_of(probabilities: Array, label_values: Sequence[int]) -> Array:
    """Write the label of the most probable class; the first of equals.

    Parameters
    ----------
    probabilities : ndarray, shape (K, *spatial)
        Of every class.
    label_values : sequence of int
        Label of every class.

    Returns
    -------
    ndarray of uint8, or uint16 where a label is above 255; shape (*spatial)
    """
    values = np.array(label_values, np.uint8 if max(label_values) < 256 else np.uint16)
    labels = np.empty(probabilities.shape[1:], values.dtype)
    # Slice by slice: argmax makes 8 bytes a voxel.
    for index in range(len(labels)):
        labels[index] = values[probabilities[:, index].argmax(axis=0)]
    return labels


def uncertainty_of(probabilities: Array) -> Array:
    """Return the entropy of probabilities (K, *spatial), from 0 to 1 (all alike)."""
    entropy = np.zeros(probabilities.shape[1:], np.float32)
    for probability in probabilities:
        # p log p goes to 0 with p.
        entropy -= probability * np.log(np.maximum(probability, 1e-30))
    share: Array = np.clip(entropy / math.log(len(probabilities)), 0, 1)
    return share
