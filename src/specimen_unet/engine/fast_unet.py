"""The FastUNet: blocks of voxels become channels, so that little is done at the top."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from monai.networks.blocks.convolutions import Convolution
from torch import Tensor, nn
from torch.nn import functional

from specimen_unet.engine.network_parts import SAME
from specimen_unet.engine.unet import folded, unfolded

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan


class FastUNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015) with two convolutions down and one up a level.

    A first stride above 1 folds blocks of voxels into channels before the first level
    and unfolds the logits after the last one (space to depth and back: Shi et al.
    2016, CVPR, eq. 4). What comes up from below has its channels reduced before it is
    enlarged, and is enlarged by repeating voxels: both cost a fifth of a transposed
    convolution.

    Unlike MONAI's UNet, which goes down before its first level, it keeps a level at
    the resolution of the blocks.

    Parameters
    ----------
    plan : Plan
        Says channels, strides and kernels of each level.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._block, *self._strides = plan.strides
        voxels = math.prod(self._block)
        inputs = (plan.image_channels * voxels, *plan.channels[:-1])
        levels = range(len(plan.channels))
        self.down = nn.ModuleList(_down(plan, level, inputs[level]) for level in levels)
        self.reduce = nn.ModuleList(_reduce(plan, level) for level in levels[:-1])
        self.up = nn.ModuleList(_up(plan, level) for level in levels[:-1])
        self.head = _pointwise(
            plan, plan.channels[0], len(plan.label_values) * voxels, bias=True
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, K, *spatial) for an image (N, C, *spatial)."""
        features, passed = folded(image, self._block), []
        for down in self.down:
            features = down(features)
            passed.append(features)
        passed.pop()
        for level in reversed(range(len(passed))):
            below = functional.interpolate(
                self.reduce[level](features),
                scale_factor=[float(step) for step in self._strides[level]],
                mode="nearest",
            )
            features = self.up[level](torch.cat([passed[level], below], 1))
        logits: Tensor = self.head(features)
        return unfolded(logits, self._block)


def _down(plan: Plan, level: int, inputs: int) -> nn.Sequential:
    """Build the two convolutions that end at a level; the first goes down to it."""
    width = plan.channels[level]
    common: dict[str, Any] = {"kernel_size": plan.kernels[level], **SAME}
    strides = plan.strides[level] if level else (1,) * plan.dimensions
    return nn.Sequential(
        Convolution(plan.dimensions, inputs, width, strides=strides, **common),
        Convolution(plan.dimensions, width, width, **common),
    )


def _reduce(plan: Plan, level: int) -> nn.Module:
    """Build what brings the channels from below to those of a level."""
    return _pointwise(plan, plan.channels[level + 1], plan.channels[level])


def _up(plan: Plan, level: int) -> nn.Module:
    """Build the convolution over what was passed on and what came up."""
    width = plan.channels[level]
    return Convolution(
        plan.dimensions, 2 * width, width, kernel_size=plan.kernels[level], **SAME
    )


def _pointwise(
    plan: Plan, inputs: int, outputs: int, *, bias: bool = False
) -> nn.Module:
    """Build a convolution that mixes channels and nothing else."""
    return Convolution(
        plan.dimensions, inputs, outputs, kernel_size=1, conv_only=True, bias=bias
    )
