"""What training minimises. Voxels that nobody annotated do not exist for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from monai.losses.dice import DiceLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import LossName

Loss = Callable[[Tensor | Sequence[Tensor], Tensor], Tensor]
# Of log probabilities and the shares of observers who gave each class (both N, K,
# *spatial; of one observer 1 for that class), and of a mask (N, 1, *spatial).
Term = Callable[[Tensor, Tensor, Tensor], Tensor]

_SMOOTH = 1e-5  # what is neither found nor there is no mistake
_FOCUS = 2.0  # gamma of the focal loss, as in its paper (Lin et al. 2017)
# What is too much (alpha) costs less than what is missed (beta): the best of those
# that Salehi et al. 2017 tried; Abraham & Khan 2019 keep them.
_TOO_MUCH, _MISSED = 0.3, 0.7
_FOCAL_POWER = 0.75  # 1 / gamma, gamma = 4/3 (Abraham & Khan 2019)
# Keeps the slope of that power finite where nothing is wrong.
_TINY = 1e-6
_AT_BOUNDARY = 4.0  # so many times as much counts a voxel that touches another class

# Pooled over the batch: nnU-Net does so in 2D, and in 3D when a patch sees only part
# of a case (its `batch_dice`); per patch, one that holds no voxel of a label would
# count as much as one that is full of it. The background is left out as in nnU-Net.
_dice, _dice_by_patch = (
    DiceLoss(
        include_background=False,
        batch=reduction == "mean",
        reduction=reduction,
        smooth_nr=_SMOOTH,
        smooth_dr=_SMOOTH,
    )
    for reduction in ("mean", "none")
)
_tversky = TverskyLoss(
    include_background=False,
    batch=True,
    alpha=_TOO_MUCH,
    beta=_MISSED,
    reduction="none",
    smooth_nr=_SMOOTH,
    smooth_dr=_SMOOTH,
)


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
        classes (N, *spatial) of int64 with -1 where nothing is annotated, or those
        of O observers (N, O, *spatial), of which each voxel is learnt as the shares
        of those who annotated it. Returns a scalar in float32, also inside autocast.
        Coarse logits count half as much with every level, and are compared with the
        nearest voxels of the classes. Without any annotated voxel it is 0, and so is
        every gradient.
    """
    terms = LOSSES[plan.loss]
    if plan.dice_of == "patch":
        terms = tuple(_OF_PATCHES.get(term, term) for term in terms)

    def loss(logits: Tensor | Sequence[Tensor], classes: Tensor) -> Tensor:
        finest = logits if isinstance(logits, Tensor) else logits[0]
        if classes.ndim < finest.ndim:
            classes = classes.unsqueeze(1)
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
        annotated = (classes != IGNORED).any(1, keepdim=True)
        shares = _shares(classes, log_probabilities)
        parts = [term(log_probabilities, shares, annotated) for term in terms]
        return torch.stack(parts).sum()


def _shares(classes: Tensor, like: Tensor) -> Tensor:
    """Return which share of the observers gave each class (N, K, *spatial).

    Of those who annotated a voxel; 0 for all classes where nobody did.
    """
    is_known = (classes != IGNORED).to(like.dtype)
    counted = torch.zeros_like(like)
    # One observer after the other: several may have given one class.
    for truth, known in zip(classes.split(1, 1), is_known.split(1, 1), strict=True):
        counted.scatter_add_(1, truth.clamp(min=0), known)
    if classes.shape[1] == 1:
        return counted
    return counted / is_known.sum(1, keepdim=True).clamp(min=1)


def _dice_term(log_probabilities: Tensor, shares: Tensor, annotated: Tensor) -> Tensor:
    """Return 1 - Dice, mean over the labels."""
    loss: Tensor = _dice(log_probabilities.exp() * annotated, shares)
    return loss


def _dice_by_patch_term(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return 1 - Dice of each patch and label, mean over those that the patch holds.

    A patch without the label would cost 1 whatever is found in it; what is found there
    costs cross-entropy.
    """
    losses: Tensor = _dice_by_patch(log_probabilities.exp() * annotated, shares)
    held = (shares[:, 1:] > 0).flatten(2).any(2)
    return (losses.flatten(1) * held).sum() / held.sum().clamp(min=1)


def _cross_entropy(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return the mean of -log p of the true class, over annotated voxels."""
    return -(log_probabilities * shares).sum() / annotated.sum().clamp(min=1)


def _focal(log_probabilities: Tensor, shares: Tensor, annotated: Tensor) -> Tensor:
    """Return cross-entropy in which voxels that are easy already count little."""
    doubt = (1 - log_probabilities.exp()) ** _FOCUS
    surprise = doubt * log_probabilities * shares
    return -surprise.sum() / annotated.sum().clamp(min=1)


def _tversky_term(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return 1 - the Tversky index, mean over the labels (Salehi et al. 2017).

    TP / (TP + alpha FP + beta FN), sums of probabilities: their T(alpha, beta).
    """
    loss: Tensor = _tversky_by_label(log_probabilities, shares, annotated).mean()
    return loss


def _focal_tversky(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return (1 - Tversky index) ** (1 / gamma), mean over the labels.

    The focal Tversky loss of Abraham & Khan 2019. They add labels up; the mean keeps
    the learning rate right however many there are.
    """
    missed = _tversky_by_label(log_probabilities, shares, annotated)
    loss: Tensor = (missed + _TINY) ** _FOCAL_POWER - _TINY**_FOCAL_POWER
    return loss.mean()


def _generalised_dice(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return 1 - generalised Dice, in which voxels at boundaries count more.

    1 - 2 sum_k w_k sum_n m_n r_kn p_kn / sum_k w_k sum_n m_n (r_kn + p_kn), where
    w_k = 1 / (sum_n m_n r_kn)^2, as Sudre et al. 2017 weigh classes k, the background
    among them; a class that does not occur weighs as much as the rarest. To this come
    the weights m_n of voxels n: Ronneberger et al. 2015, eq. 2, weigh voxels by how
    near a boundary is; here it is those that touch it, which needs no distances.

    Not MONAI's: its smoothing outweighs the sums when labels are large.
    """
    weights = annotated * (1 + (_AT_BOUNDARY - 1) * _at_boundary(shares, annotated))
    found = log_probabilities.exp() * weights
    axes = (0, *range(2, shares.ndim))
    sizes = (shares * weights).sum(axes)
    rarest = sizes.where(sizes > 0, 1 + sizes.sum()).amin()
    by_class = (rarest / sizes.clamp(min=rarest)) ** 2
    both = by_class @ (found * shares).sum(axes)
    either = by_class @ (found.sum(axes) + sizes)
    return 1 - (2 * both + _SMOOTH) / (either + _SMOOTH)


def _tversky_by_label(
    log_probabilities: Tensor, shares: Tensor, annotated: Tensor
) -> Tensor:
    """Return 1 - the Tversky index of each label (K - 1)."""
    loss: Tensor = _tversky(log_probabilities.exp() * annotated, shares)
    return loss


def _at_boundary(shares: Tensor, annotated: Tensor) -> Tensor:
    """Return 1 where a voxel touches one that was annotated otherwise, else 0."""
    pool: Any = getattr(functional, f"max_pool{shares.ndim - 2}d")
    highest = pool(shares.masked_fill(~annotated, -torch.inf), 3, 1, 1)
    lowest = -pool((-shares).masked_fill(~annotated, -torch.inf), 3, 1, 1)
    differs: Tensor = (highest > lowest).any(1, keepdim=True)
    return differs.float()


def _nearest(classes: Tensor, size: Sequence[int]) -> Tensor:
    """Return the classes (N, O, *spatial) on a coarser grid."""
    if tuple(classes.shape[2:]) == tuple(size):
        return classes
    # Nearest voxels of small whole numbers: exact in float32.
    return functional.interpolate(
        classes.float(), size=tuple(size), mode="nearest"
    ).long()


# What takes the place of a term where Dice is not pooled over the batch.
_OF_PATCHES: dict[Term, Term] = {_dice_term: _dice_by_patch_term}

LOSSES: dict[LossName, tuple[Term, ...]] = {
    "Dice": (_dice_term,),
    "Dice + cross-entropy": (_dice_term, _cross_entropy),
    "Dice + focal": (_dice_term, _focal),
    "Tversky": (_tversky_term,),
    "Focal Tversky": (_focal_tversky,),
    "Generalised Dice + boundary": (_generalised_dice,),
}
