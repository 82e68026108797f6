"""Bring images to the spacing a network works at, and its answers back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.engine.transfer import sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from specimen_unet.domain.case import Array
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


def resample(
    images: torch.Tensor, shape: Sequence[int], *, antialiased: bool = False
) -> torch.Tensor:
    """Interpolate linearly to another number of voxels over the same extent.

    Each axis is done by itself, so an axis that keeps its size keeps its values
    exactly: nothing is blurred across thick slices unless slices are made. The outer
    faces of the first and last voxels stay where they are (``align_corners=False``),
    and the result equals `torch.nn.functional.interpolate`'s linear modes, with its
    ``antialias`` where asked for.

    Parameters
    ----------
    images : Tensor of float, shape (N, C, *spatial)
        Images, or probabilities: sums over C are kept.
    shape : sequence of int
        Wanted voxels along each spatial axis.
    antialiased : bool, optional
        Whether voxels that become fewer are averaged. Else all but the two beside each
        new one are left out, and what is finer than the new voxels turns into noise.

    Returns
    -------
    Tensor, shape (N, C, *shape)
        `images` itself where no axis changes.
    """
    axes = [
        Zoom(before, after, antialiased=antialiased)
        for before, after in zip(images.shape[2:], shape, strict=True)
    ]
    return resample_part(images, axes, [(0, size) for size in shape])


@dataclass(frozen=True, slots=True)
class Zoom:
    """One axis at two spacings.

    Attributes
    ----------
    before, after : int
        How many voxels it has, and will have.
    antialiased : bool
        Whether they are averaged where they become fewer.
    """

    before: int
    after: int
    antialiased: bool = False

    def needed(self, start: int, stop: int) -> tuple[int, int]:
        """Return first and last + 1 of the voxels that some of the new ones need."""
        if self.before == self.after:
            return start, stop
        if self._averages:
            first, weights = self._weights(start, stop)
            return first, first + weights.shape[1]
        lower, upper, _ = self._neighbours(start, stop)
        return int(lower[0]), int(upper[-1]) + 1

    def applied(
        self, images: torch.Tensor, axis: int, start: int, stop: int
    ) -> torch.Tensor:
        """Interpolate voxels `start` to `stop`; `images` holds those `needed` alone."""
        if self.before == self.after:
            return images
        if self._averages:
            _, weights = self._weights(start, stop)
            averages = sent(weights, images.device).to(images.dtype)
            if axis == images.ndim - 1:
                return images @ averages.T
            others = images.shape[axis + 1 :]
            found: torch.Tensor = averages @ images.flatten(axis + 1)
            return found.reshape(*found.shape[:-1], *others)
        lower, upper, weight = self._neighbours(start, stop)
        first = lower[0]
        shape = [-1 if n == axis else 1 for n in range(images.ndim)]
        low, high = (
            images.index_select(axis, sent(at - first, images.device))
            for at in (lower, upper)
        )
        shares = sent(weight.astype(np.float32), images.device).to(images.dtype)
        return low.lerp_(high, shares.reshape(shape))

    @property
    def _averages(self) -> bool:
        return self.antialiased and self.after < self.before

    def _weights(self, start: int, stop: int) -> tuple[int, Array]:
        """Return the first old voxel that counts, and weights (new, old) from there.

        They fall linearly to 0 at the middles of the new voxels beside, as in
        `torch.nn.functional.interpolate` with ``antialias=True``.
        """
        length = self.before / self.after
        centres = (np.arange(start, stop) + 0.5) * length
        first = max(int(centres[0] - length + 0.5), 0)
        last = min(int(centres[-1] + length + 0.5), self.before)
        # Of each new voxel the few old ones that count, then all in one matrix.
        near = np.arange(int(2 * length) + 2)
        old = np.maximum(centres - length + 0.5, 0).astype(int)[:, np.newaxis] + near
        shares = np.maximum(1 - np.abs(old + 0.5 - centres[:, np.newaxis]) / length, 0)
        shares[old >= self.before] = 0
        shares /= shares.sum(1, keepdims=True)
        weights = np.zeros((len(old), last - first + len(near)), np.float32)
        np.put_along_axis(weights, old - first, shares.astype(np.float32), axis=1)
        return first, weights[:, : last - first]

    def _neighbours(self, start: int, stop: int) -> tuple[Array, Array, Array]:
        """Return the two old voxels beside each new one, and the share of the second.

        As `torch.nn.functional.interpolate` counts with ``align_corners=False``.
        """
        centres = (np.arange(start, stop) + 0.5) * (self.before / self.after) - 0.5
        centres = centres.clip(0, self.before - 1)
        lower = centres.astype(np.int64)
        upper = np.minimum(lower + 1, self.before - 1)
        return lower, upper, centres - lower


def resample_part(
    images: torch.Tensor, axes: Sequence[Zoom], part: Sequence[tuple[int, int]]
) -> torch.Tensor:
    """Interpolate a part of images, as if they were interpolated whole.

    Parameters
    ----------
    images : Tensor of float, shape (N, C, *needed)
        What `Zoom.needed` names of each axis, and nothing else.
    axes : sequence of Zoom
        Of each spatial axis.
    part : sequence of (int, int)
        First voxel and last + 1 of the result along each axis.
    """
    for axis, (zoom, span) in enumerate(zip(axes, part, strict=True), start=2):
        images = zoom.applied(images, axis, *span)
    return images
