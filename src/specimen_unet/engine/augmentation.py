"""Patches as other scans could have shown them.

What moves voxels is only drawn here, as a matrix, because `patches` folds it into the
reading of the patch. What changes gray values works on a whole batch on the device.
Kinds, shares and strengths follow nnU-Net (Isensee et al. 2021, Nature Methods
18:203), with strengths relative to each patch, as images differ in their scale.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from specimen_unet.engine.transfer import sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan

# Rotating and scaling interpolates, which is slow on a CPU: done to these few, in 3D
# in one plane: hippocampus, 300 steps, one seed, came to 0.825 where three angles came
# to 0.812 (docs/benchmarks.md).
_AFFINE_SHARE = 0.25
_ANGLE = math.radians(30)
_ZOOM = 1.25
# Two axes are not rotated into each other when a voxel is longer than this along one
# of them, or the patch is: whole slices would leave the patch.
_LONGER_VOXEL = 2
_LONGER_PATCH = 3
_MIRROR_SHARE = 0.5
# Standard deviations that a blur reaches.
_FARTHEST = 4


def draw_mirrors(generator: np.random.Generator, plan: Plan) -> tuple[int, ...]:
    """Draw the axes along which a patch is mirrored; first spatial axis is 0."""
    is_mirrored = generator.random(len(plan.mirror_axes)) < _MIRROR_SHARE
    return tuple(np.array(plan.mirror_axes, int)[is_mirrored].tolist())


def draw_affine(generator: np.random.Generator, plan: Plan) -> Array | None:
    """Draw a rotation in one plane, and a scaling, for one patch.

    Parameters
    ----------
    generator : numpy.random.Generator
        Of this step.
    plan : Plan
        Gives amount, patch and spacing.

    Returns
    -------
    ndarray of float, shape (dimensions, dimensions), or None
        Maps offsets from the centre of the patch, in voxels of the plan, to where the
        image is read, in the same voxels. None for patches that stay as they are.
    """
    if generator.random() >= _AFFINE_SHARE * plan.augmentation:
        return None
    rotation = np.eye(plan.dimensions)
    planes = [
        axes
        for axes in combinations(range(plan.dimensions), 2)
        if _may_rotate(plan, *axes)
    ]
    if planes:
        plane = planes[generator.integers(len(planes))]
        angle = generator.uniform(-_ANGLE, _ANGLE)
        rotation = _rotation(plan.dimensions, *plane, angle)
    zoom = _ZOOM ** generator.uniform(-1, 1)
    alike = {axis for axes in planes for axis in axes} or range(plan.dimensions)
    scaling = [zoom if axis in alike else 1.0 for axis in range(plan.dimensions)]
    spacing = np.array(plan.spacing)
    matrix: Array = np.diag(1 / spacing) @ rotation @ np.diag(scaling * spacing)
    return matrix


def vary_intensity(images: Tensor, plan: Plan, generator: np.random.Generator) -> None:
    """Add noise, blur, and change brightness, contrast and gamma, in place.

    Parameters
    ----------
    images : Tensor of float32, shape (N, C, *patch)
        Normalised patches on any device. Each change is made to a random part of
        them, `plan.augmentation` times as large as usual; 0 changes nothing.
    plan : Plan
        Gives amount and spacing.
    generator : numpy.random.Generator
        Of this step.
    """
    if plan.augmentation == 0:
        return
    draw = _Draw(generator, images.device, plan.spacing)
    for change, share in _CHANGES:
        is_chosen = generator.random(len(images)) < share * plan.augmentation
        if is_chosen.any():
            chosen = sent(np.flatnonzero(is_chosen), images.device)
            images.index_copy_(0, chosen, change(images.index_select(0, chosen), draw))


class _Draw:
    """Random numbers for a batch: few from NumPy, whole images on the device."""

    def __init__(
        self,
        generator: np.random.Generator,
        device: torch.device,
        spacing: tuple[float, ...],
    ) -> None:
        self.spacing = spacing
        self._generator = generator
        self._device = device
        seed = int(generator.integers(2**62))
        self._noise = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float, images: Tensor) -> Tensor:
        """One number an image, shaped to be multiplied with them."""
        numbers = self._generator.uniform(low, high, len(images)).astype(np.float32)
        shape = (-1,) + (1,) * (images.ndim - 1)
        return sent(numbers, self._device).reshape(shape)

    def normal(self, images: Tensor) -> Tensor:
        """One number a voxel."""
        return torch.randn(images.shape, generator=self._noise, device=self._device)


def _noise(images: Tensor, draw: _Draw) -> Tensor:
    strength = draw.uniform(0, 0.3, images) * _spread(images)
    return images + strength * draw.normal(images)


def _blur(images: Tensor, draw: _Draw) -> Tensor:
    """Blur by 0.5 to 1 of the finest voxel, which is less of a longer one."""
    sigma = draw.uniform(0.5, 1, images)
    for axis, spacing in enumerate(draw.spacing):
        images = _blurred_along(images, axis + 2, sigma * min(draw.spacing) / spacing)
    return images


def _brightness(images: Tensor, draw: _Draw) -> Tensor:
    return images + draw.uniform(-0.3, 0.3, images) * _spread(images)


def _contrast(images: Tensor, draw: _Draw) -> Tensor:
    mean = images.mean(_spatial(images), keepdim=True)
    changed = (images - mean) * draw.uniform(0.75, 1.25, images) + mean
    return changed.clamp(*_limits(images))


def _gamma(images: Tensor, draw: _Draw) -> Tensor:
    """Bend the curve of gray values; mean and spread stay, so only its shape counts."""
    low, high = _limits(images)
    # Bent from the bright end, as if the image were a negative.
    is_negative = draw.uniform(0, 1, images) < 0.25
    start, end = (
        torch.where(is_negative, high, low),
        torch.where(is_negative, low, high),
    )
    width = (end - start).where(high > low, 1e-6)
    share = (images - start).div_(width).clamp_(0, 1)
    share.pow_(torch.exp2(draw.uniform(-0.5, 0.6, images)))
    share.sub_(share.mean(_spatial(images), keepdim=True))
    factor = _spread(images) / _spread(share).clamp(min=1e-6)
    share.mul_(torch.where(is_negative, -factor, factor))
    return share.add_(images.mean(_spatial(images), keepdim=True))


_CHANGES: tuple[tuple[Callable[[Tensor, _Draw], Tensor], float], ...] = (
    (_noise, 0.15),
    (_blur, 0.15),
    (_brightness, 0.15),
    (_contrast, 0.15),
    (_gamma, 0.3),
)


def _spatial(images: Tensor) -> tuple[int, ...]:
    return tuple(range(2, images.ndim))


def _spread(images: Tensor) -> Tensor:
    """Return the standard deviation of every patch and channel."""
    # torch.std takes ten times as long on a CPU.
    spatial = _spatial(images)
    centred = images - images.mean(spatial, keepdim=True)
    norm = torch.linalg.vector_norm(centred, dim=spatial, keepdim=True)
    spread: Tensor = norm / math.sqrt(math.prod(images.shape[2:]))
    return spread


def _limits(images: Tensor) -> tuple[Tensor, Tensor]:
    spatial = _spatial(images)
    return images.amin(spatial, keepdim=True), images.amax(spatial, keepdim=True)


def _blurred_along(images: Tensor, axis: int, sigma: Tensor) -> Tensor:
    """Blur along one axis: a product with a matrix, which every device does fast.

    What lies outside the patch counts nothing, so that a constant stays one.
    """
    places = torch.arange(images.shape[axis], device=images.device)
    distances = (places[:, np.newaxis] - places) / sigma.reshape(-1, 1, 1)
    # Farther off it is next to nothing, and numbers that small are slow to multiply.
    is_far = distances.abs() > _FARTHEST
    weights = torch.exp(-0.5 * distances.square()).masked_fill(is_far, 0)
    weights /= weights.sum(2, keepdim=True)
    lines = images.movedim(axis, -1)
    blurred = lines.flatten(1, -2) @ weights.mT
    return blurred.reshape(lines.shape).movedim(-1, axis)


def _may_rotate(plan: Plan, first: int, second: int) -> bool:
    """Tell whether two axes are alike enough to be rotated into each other."""

    def ratio(sizes: tuple[float, ...]) -> float:
        pair = sizes[first], sizes[second]
        return max(pair) / min(pair)

    return ratio(plan.spacing) <= _LONGER_VOXEL and ratio(plan.patch) <= _LONGER_PATCH


def _rotation(dimensions: int, first: int, second: int, angle: float) -> Array:
    matrix = np.eye(dimensions)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[first, second] = -math.sin(angle)
    matrix[second, first] = math.sin(angle)
    return matrix
