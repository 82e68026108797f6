"""The SegResNet: MONAI's, with strides, kernels and channels of its own a level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monai.networks.blocks.convolutions import Convolution
from monai.networks.blocks.segresnet_block import ResBlock
from monai.networks.blocks.upsample import UpSample
from monai.networks.nets.segresnet import SegResNet
from torch import nn

from specimen_unet.engine.network_parts import ACTIVATION, group_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

# Residual blocks on the way down: at full resolution, in between, at the bottom.
_FIRST, _BETWEEN, _BOTTOM = 1, 2, 4


def seg_res_net(plan: Plan) -> nn.Module:
    """Build a SegResNet (Myronenko 2018) with the levels of a plan.

    MONAI's halves every axis and doubles the channels at each level; where it does so
    here, the weights have the same names and shapes.

    Parameters
    ----------
    plan : Plan
        Says the levels, strides and kernels.
    """
    widest = plan.channels[0]
    network = SegResNet(
        plan.dimensions,
        init_filters=widest,
        in_channels=plan.image_channels,
        out_channels=len(plan.label_values),
        act=ACTIVATION,
        norm=group_norm(widest),
        blocks_down=(1,),
        blocks_up=(),
    )
    levels = range(len(plan.channels))
    network.convInit = _convolution(plan, plan.image_channels, 0)
    network.down_layers = nn.ModuleList(_down(plan, level) for level in levels)
    network.up_samples = nn.ModuleList(_enlarge(plan, n) for n in levels[-2::-1])
    network.up_layers = nn.ModuleList(
        nn.Sequential(_block(plan, level)) for level in levels[-2::-1]
    )
    return network


def _down(plan: Plan, level: int) -> nn.Module:
    """Build a level on the way down."""
    if level == 0:
        return nn.Sequential(nn.Identity(), *_blocks(plan, level, _FIRST))
    is_bottom = level == len(plan.channels) - 1
    return nn.Sequential(
        _convolution(plan, plan.channels[level - 1], level, plan.strides[level]),
        *_blocks(plan, level, _BOTTOM if is_bottom else _BETWEEN),
    )


def _enlarge(plan: Plan, level: int) -> nn.Module:
    """Build the way up to a level from the one below."""
    width = plan.channels[level]
    return nn.Sequential(
        Convolution(
            plan.dimensions,
            plan.channels[level + 1],
            width,
            kernel_size=1,
            bias=False,
            conv_only=True,
        ),
        UpSample(
            plan.dimensions,
            width,
            width,
            scale_factor=plan.strides[level + 1],
            mode="nontrainable",
            interp_mode="linear",
            align_corners=False,
        ),
    )


def _blocks(plan: Plan, level: int, count: int) -> list[nn.Module]:
    """Build the residual blocks of a level."""
    return [_block(plan, level) for _ in range(count)]


def _block(plan: Plan, level: int) -> nn.Module:
    """Build MONAI's residual block around the kernel of a level."""
    width = plan.channels[level]
    block = ResBlock(plan.dimensions, width, group_norm(width), act=ACTIVATION)
    block.conv1, block.conv2 = (_convolution(plan, width, level) for _ in range(2))
    return block


def _convolution(
    plan: Plan, inputs: int, level: int, strides: Sequence[int] | int = 1
) -> nn.Module:
    """Build a convolution with the kernel and the channels of a level."""
    return Convolution(
        plan.dimensions,
        inputs,
        plan.channels[level],
        strides=strides,
        kernel_size=plan.kernels[level],
        bias=False,
        conv_only=True,
    )
