"""What the probabilities of classes say: how sure a label is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array


def uncertainty_of(probabilities: Array) -> Array:
    """Return the entropy of probabilities (K, *spatial), from 0 to 1 (all alike)."""
    entropy = np.zeros(probabilities.shape[1:], np.float32)
    # Slice by slice: logarithms of the whole would take as much memory again.
    for index, total in enumerate(entropy):
        for probability in probabilities[:, index]:
            # p log p goes to 0 with p.
            total -= probability * np.log(np.maximum(probability, 1e-30))
    entropy /= math.log(len(probabilities))
    return np.clip(entropy, 0, 1, out=entropy)
