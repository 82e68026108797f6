"""The networks a plan can name, built from MONAI's parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from monai.networks.layers.simplelayers import SkipConnection
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import NetworkName

# Not PReLU, MONAI's default: its backward pass is 10-19 % of a whole step.
_ACTIVATION = ("leakyrelu", {"negative_slope": 0.01, "inplace": True})
_NORM = ("instance", {"affine": True})
_SAME: dict[str, Any] = {"act": _ACTIVATION, "norm": _NORM}


def build_network(plan: Plan) -> nn.Module:
    """Build the network of a plan, on the CPU, its weights drawn from `plan.seed`.

    Parameters
    ----------
    plan : Plan
        Says which network, its levels, strides and kernels.

    Returns
    -------
    torch.nn.Module
        Takes (N, C, *patch) and returns logits (N, K, *patch). With deep supervision,
        while training, a list of logits: full resolution first, then coarser ones.
    """
    # Whoever else draws random numbers must not notice.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(plan.seed)
        return NETWORKS[plan.network](plan)


def size_multiple(plan: Plan) -> tuple[int, ...]:
    """Return the numbers that patches and tiles must be divisible by, an axis each."""
    return tuple(math.prod(axis) for axis in zip(*plan.strides, strict=True))


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights by name, each tensor once.

    MONAI's DynUNet registers most parts under two names, so that its `state_dict`
    holds them twice; safetensors refuses that, and it doubles checkpoints.
    """
    return {
        **{name: weight.detach() for name, weight in network.named_parameters()},
        **dict(network.named_buffers()),
    }


def check_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Check that weights have the names and shapes of the network's.

    Raises
    ------
    ValueError
        Naming the first difference.
    """
    own = weights_of(network)
    for name in sorted({*own, *weights}):
        if name not in own or name not in weights:
            where = "network" if name not in own else "weights"
            raise ValueError(f"{name} is missing in the {where}")
        if own[name].shape != weights[name].shape:
            raise ValueError(
                f"{name} is {tuple(weights[name].shape)}, but {tuple(own[name].shape)} "
                "in the network"
            )


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights of the same names and shapes into the network.

    Raises
    ------
    ValueError
        If a name or a shape differs; nothing is copied then.
    """
    check_weights(network, weights)
    with torch.no_grad():
        for name, weight in weights_of(network).items():
            weight.copy_(weights[name])


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


class _UNet(nn.Module):
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


class _DynUNet(DynUNet):
    """MONAI's DynUNet that returns its coarse outputs as they are, in a list.

    MONAI enlarges them to full resolution, stacks them, and keeps them afterwards,
    so that a network that was used could not be copied.
    """

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits (N, K, *spatial), or a list of them, finest first."""
        logits: Tensor = self.output_block(self.skip_layers(image))
        if not self.deep_supervision:
            return logits
        coarse = list(self.heads)
        self.heads[:] = [torch.empty(0)] * len(coarse)
        return [logits, *coarse] if self.training else logits


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
        **_SAME,
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
        **_SAME,
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
        **_SAME,
    )
    return nn.Sequential(enlarge, refine)


def _basic_unet(plan: Plan) -> nn.Module:
    """Build MONAI's BasicUNet: five levels, each half as fine along every axis."""
    return BasicUNet(
        plan.dimensions,
        plan.image_channels,
        len(plan.label_values),
        features=(*plan.channels, plan.channels[0]),
        **_SAME,
    )


def _dyn_unet(plan: Plan) -> nn.Module:
    """Build MONAI's DynUNet, nnU-Net's network: own strides and kernels a level."""
    return _DynUNet(
        plan.dimensions,
        plan.image_channels,
        len(plan.label_values),
        kernel_size=plan.kernels,
        strides=plan.strides,
        upsample_kernel_size=plan.strides[1:],
        filters=plan.channels,
        norm_name=_NORM,
        act_name=_ACTIVATION,
        deep_supervision=plan.deep_supervision,
        deep_supr_num=max(len(plan.channels) - 2, 1),
    )


NETWORKS: dict[NetworkName, Callable[[Plan], nn.Module]] = {
    "UNet": _UNet,
    "BasicUNet": _basic_unet,
    "DynUNet": _dyn_unet,
}
