"""Bring images to the spacing a network works at, and its answers back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.plan import Plan

# A spacing that differs by less than this is the same: scanners round.
TOLERANCE = 0.01


def spacing_for(plan: Plan, grid: Grid, shape: Sequence[int]) -> tuple[float, ...]:
    """Return the spacing of an image along the axes of the network, as the plan counts.

    Parameters
    ----------
    plan : Plan
        Where it brings every image to one size, the spacing is what does that.
    grid : Grid
        Of the image. Where its unit cannot be compared with the plan's, voxels are
        taken as they are.
    shape : sequence of int
        Of the whole image, all its spatial axes.
    """
    if plan.resize_to is not None:
        own = shape[-plan.dimensions :]
        sizes = zip(plan.spacing, plan.resize_to, own, strict=True)
        return tuple(step * wanted / now for step, wanted, now in sizes)
    if not grid.can_be_in(plan.unit):
        return plan.spacing
    return grid.in_unit(plan.unit).spacing[-plan.dimensions :]


def resampled_shape(
    shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> tuple[int, ...]:
    """Return how many voxels an image has at another spacing.

    Parameters
    ----------
    shape : sequence of int
        Voxels along each spatial axis.
    spacing, target : sequence of float
        Size of a voxel now and then, in one unit. An axis whose spacing differs by
        less than 1 % keeps its voxels.
    """
    return tuple(
        size
        if math.isclose(now, then, rel_tol=TOLERANCE)
        else max(1, round(size * now / then))
        for size, now, then in zip(shape, spacing, target, strict=True)
    )


def resample(images: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Interpolate linearly to another number of voxels over the same extent.

    Each axis is done by itself, so an axis that keeps its size keeps its values
    exactly: nothing is blurred across thick slices unless slices are made. The outer
    faces of the first and last voxels stay where they are (``align_corners=False``),
    and the result equals `torch.nn.functional.interpolate`'s linear modes.

    Parameters
    ----------
    images : Tensor of float, shape (N, C, *spatial)
        Images, or probabilities: sums over C are kept.
    shape : sequence of int
        Wanted voxels along each spatial axis.

    Returns
    -------
    Tensor, shape (N, C, *shape)
        `images` itself where no axis changes.
    """
    for axis, size in enumerate(shape, start=2):
        if images.shape[axis] != size:
            images = _resample_axis(images, axis, size)
    return images


def _resample_axis(images: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """Interpolate along one axis; the others are seen as channels and columns."""
    before, after = images.shape[:axis], images.shape[axis + 1 :]
    columns = math.prod(after)
    planes = images.reshape(1, math.prod(before), images.shape[axis], columns)
    planes = torch.nn.functional.interpolate(
        planes, (size, columns), mode="bilinear", align_corners=False
    )
    return planes.reshape(*before, size, *after)
