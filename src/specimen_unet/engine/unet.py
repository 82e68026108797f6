"""The UNet: MONAI's, with a stride and a kernel of its own at each level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from monai.networks.layers.simplelayers import SkipConnection
from torch import Tensor, nn

from specimen_unet.engine.network_parts import SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan


def folded(image: Tensor, block: Sequence[int]) -> Tensor:
    """Put the voxels of each block into channels.

    Parameters
    ----------
    image : Tensor, shape (N, C, *spatial)
        Sizes are divisible by `block`.
    block : sequence of int
        Voxels along each spatial axis.

    Returns
    -------
    Tensor, shape (N, C * prod(block), *spatial / block)
    """
    if math.prod(block) == 1:
        return image
    count, channels, *sizes = image.shape
    pairs = [n for size, b in zip(sizes, block, strict=True) for n in (size // b, b)]
    axes = range(2, 2 + len(pairs))
    blocks = image.reshape(count, channels, *pairs)
    return blocks.permute(0, 1, *axes[1::2], *axes[::2]).reshape(
        count, channels * math.prod(block), *pairs[::2]
    )


def unfolded(image: Tensor, block: Sequence[int]) -> Tensor:
    """Take channels back to the voxels of blocks; undoes `folded`."""
    if math.prod(block) == 1:
        return image
    count, channels, *sizes = image.shape
    d = len(block)
    blocks = image.reshape(count, channels // math.prod(block), *block, *sizes)
    axes = [axis for k in range(d) for axis in (2 + d + k, 2 + k)]
    whole = [size * b for size, b in zip(sizes, block, strict=True)]
    return blocks.permute(0, 1, *axes).reshape(count, -1, *whole)


class UNet(nn.Module):
    """MONAI's UNet with kernels of its own at each level.

    A first stride above 1 folds blocks of voxels into channels before the first level
    and unfolds the logits after the last one (space to depth and back: Shi et al.
    2016, CVPR, eq. 4), so that little is computed at full resolution.

    With equal kernels it is MONAI's UNet but for its head, and its weights have the
    same names. Thin slices need kernels that do not reach across them at the fine
    levels.

    MONAI's head (with residual units) squeezes all there is into one channel a class
    and then normalises and rectifies those, as if every patch held as much of every
    class. Trainings then hang on luck: in 200 steps (hippocampus) two seeds ended at
    Dice 0.58 and 0.64 with it, and at 0.84 and 0.84 without.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._block = plan.strides[0]
        voxels = math.prod(self._block)
        inputs, outputs = plan.image_channels * voxels, len(plan.label_values) * voxels
        self.model = _unet_level(plan, 0, inputs, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, K, *spatial) for an image (N, C, *spatial)."""
        logits: Tensor = self.model(folded(image, self._block))
        return unfolded(logits, self._block)


def _unet_level(plan: Plan, level: int, inputs: int, outputs: int) -> nn.Sequential:
    """Build a level and all below it, nested as in MONAI's UNet."""
    width = plan.channels[level]
    if level + 2 < len(plan.channels):
        below: nn.Module = _unet_level(plan, level + 1, width, width)
        gathered = 2 * width
    else:
        below = _unet_down(plan, level + 1, (width, plan.channels[-1]), is_bottom=True)
        gathered = width + plan.channels[-1]
    return nn.Sequential(
        _unet_down(plan, level + 1, (inputs, width)),
        SkipConnection(below),
        _unet_up(plan, level, gathered, outputs),
    )


def _unet_down(
    plan: Plan, level: int, widths: tuple[int, int], *, is_bottom: bool = False
) -> nn.Module:
    """Build the part that goes down to a level; the bottom stays where it is."""
    strides = (1,) * plan.dimensions if is_bottom else plan.strides[level]
    common: dict[str, Any] = {
        "strides": strides,
        "kernel_size": plan.kernels[level],
        **SAME,
    }
    if plan.residual_units:
        return ResidualUnit(
            plan.dimensions, *widths, subunits=plan.residual_units, **common
        )
    return Convolution(plan.dimensions, *widths, **common)


def _unet_up(plan: Plan, level: int, inputs: int, outputs: int) -> nn.Module:
    """Build the part that comes back up to a level from the one below."""
    is_top = level == 0
    enlarge = Convolution(
        plan.dimensions,
        inputs,
        outputs,
        strides=plan.strides[level + 1],
        kernel_size=plan.kernels[level + 1],
        conv_only=is_top,
        is_transposed=True,
        **SAME,
    )
    if not plan.residual_units:
        return enlarge
    refine = ResidualUnit(
        plan.dimensions,
        outputs,
        outputs,
        kernel_size=plan.kernels[level],
        subunits=1,
        last_conv_only=is_top,
        **SAME,
    )
    return nn.Sequential(enlarge, refine)
