"""The U-Net with attention gates: MONAI's blocks, with the plan's kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monai.networks.blocks.convolutions import Convolution
from monai.networks.nets.attentionunet import AttentionLayer, ConvBlock
from torch import nn

from specimen_unet.engine.network_parts import SAME, replace_batch_norm

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan


def attention_unet(plan: Plan) -> nn.Module:
    """Build an Attention U-Net (Oktay et al. 2018), nested as MONAI's.

    MONAI's has one kernel for all levels and normalises over batches, which hold too
    few patches for that; here each level has its own kernel and each patch its own
    mean and spread.

    Parameters
    ----------
    plan : Plan
        Says the levels, strides and kernels.
    """
    dimensions = plan.dimensions
    network = nn.Sequential(
        ConvBlock(dimensions, plan.image_channels, plan.channels[0], plan.kernels[0]),
        _level(plan, 0),
        Convolution(
            dimensions,
            plan.channels[0],
            len(plan.label_values),
            kernel_size=1,
            conv_only=True,
        ),
    )
    norm = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
    replace_batch_norm(network, lambda channels: norm(channels, affine=True))
    return network


def _level(plan: Plan, level: int) -> nn.Module:
    """Build what lies between a level's way down and its way up, with its gate."""
    width, below = plan.channels[level], plan.channels[level + 1]
    kernel = plan.kernels[level + 1]
    strides: Any = plan.strides[level + 1]  # a tuple will do
    inner: nn.Module = ConvBlock(
        plan.dimensions, width, below, kernel_size=kernel, strides=strides
    )
    if level + 2 < len(plan.channels):
        inner = nn.Sequential(inner, _level(plan, level + 1))
    layer = AttentionLayer(
        plan.dimensions, width, below, inner, up_kernel_size=kernel, strides=strides
    )
    layer.merge = Convolution(
        plan.dimensions, 2 * width, width, kernel_size=plan.kernels[level], **SAME
    )
    # As in the paper's gate (eq. 1 and 2). Normalised, it would be as wide open in a
    # patch that holds nothing as in one that is full.
    layer.attention.psi[1] = nn.Identity()
    return layer
