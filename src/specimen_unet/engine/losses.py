"""What training minimises. Voxels that nobody annotated do not exist for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from monai.losses.dice import DiceLoss
from torch import Tensor
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import LossName

Loss = Callable[[Tensor | Sequence[Tensor], Tensor], Tensor]
# Of log probabilities (N, K, *spatial), classes and a mask (both N, 1, *spatial).
Term = Callable[[Tensor, Tensor, Tensor], Tensor]

_FOCUS = 2.0  # gamma of the focal loss, as in its paper (Lin et al. 2017)

# Pooled over the batch: nnU-Net does so in 2D, and in 3D when a patch sees only part
# of a case (its `batch_dice`); per patch, one that holds no voxel of a label would
# count as much as one that is full of it. The background is left out as in nnU-Net.
_dice = DiceLoss(include_background=False, batch=True, smooth_nr=1e-5, smooth_dr=1e-5)


def build_loss(plan: Plan) -> Loss:
    """Return the loss of a plan.

    Parameters
    ----------
    plan : Plan
        Names the loss.

    Returns
    -------
    callable
        Takes logits (N, K, *spatial), or a list of them with the finest first, and
        classes (N, *spatial) of int64 with -1 where nothing is annotated. Returns
        a scalar in float32, also inside autocast. Coarse logits count half as much
        with every level, and are compared with the nearest voxels of the classes.
        Without any annotated voxel it is 0, and so is every gradient.
    """
    terms = LOSSES[plan.loss]

    def loss(logits: Tensor | Sequence[Tensor], classes: Tensor) -> Tensor:
        if isinstance(logits, Tensor):
            return _single(terms, logits, classes)
        weights = [0.5**level for level in range(len(logits))]
        total = sum(
            weight * _single(terms, coarse, _nearest(classes, coarse.shape[2:]))
            for weight, coarse in zip(weights, logits, strict=True)
        )
        return torch.as_tensor(total) / sum(weights)

    return loss


def _single(terms: Sequence[Term], logits: Tensor, classes: Tensor) -> Tensor:
    """Add up the terms for one resolution."""
    with torch.autocast(logits.device.type, enabled=False):
        log_probabilities = logits.float().log_softmax(1)
        annotated = (classes != IGNORED).unsqueeze(1)
        truth = classes.clamp(min=0).unsqueeze(1)
        parts = [term(log_probabilities, truth, annotated) for term in terms]
        return torch.stack(parts).sum()


def _dice_term(log_probabilities: Tensor, truth: Tensor, annotated: Tensor) -> Tensor:
    """Return 1 - Dice, mean over the labels."""
    one_hot = torch.zeros_like(log_probabilities).scatter_(1, truth, 1.0)
    loss: Tensor = _dice(log_probabilities.exp() * annotated, one_hot * annotated)
    return loss


def _cross_entropy(
    log_probabilities: Tensor, truth: Tensor, annotated: Tensor
) -> Tensor:
    """Return the mean of -log p of the true class, over annotated voxels."""
    log_p = log_probabilities.gather(1, truth)
    return -(log_p * annotated).sum() / annotated.sum().clamp(min=1)


def _focal(log_probabilities: Tensor, truth: Tensor, annotated: Tensor) -> Tensor:
    """Return cross-entropy in which voxels that are easy already count little."""
    log_p = log_probabilities.gather(1, truth)
    doubt = (1 - log_p.exp()) ** _FOCUS
    return -(doubt * log_p * annotated).sum() / annotated.sum().clamp(min=1)


def _nearest(classes: Tensor, size: Sequence[int]) -> Tensor:
    """Return the classes (N, *spatial) on a coarser grid."""
    if tuple(classes.shape[1:]) == tuple(size):
        return classes
    # Nearest voxels of small whole numbers: exact in float32.
    coarse = functional.interpolate(
        classes.unsqueeze(1).float(), size=tuple(size), mode="nearest"
    )
    return coarse.squeeze(1).long()


LOSSES: dict[LossName, tuple[Term, ...]] = {
    "Dice": (_dice_term,),
    "Dice + cross-entropy": (_dice_term, _cross_entropy),
    "Dice + focal": (_dice_term, _focal),
}
