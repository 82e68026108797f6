"""The networks a plan can name, built from MONAI's parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

from specimen_unet.engine.attention_unet import attention_unet
from specimen_unet.engine.encoders import FlexibleBackboneUNet
from specimen_unet.engine.fast_unet import FastUNet
from specimen_unet.engine.network_parts import ACTIVATION, NORM, SAME
from specimen_unet.engine.seg_res_net import seg_res_net
from specimen_unet.engine.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import NetworkName


def build_network(plan: Plan) -> nn.Module:
    """Build the network of a plan, on the CPU, its weights drawn from `plan.seed`.

    Parameters
    ----------
    plan : Plan
        Says which network, its levels, strides and kernels. What a pretrained
        backbone has learnt is not in it yet: see `pretrained`.

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


def _basic_unet(plan: Plan) -> nn.Module:
    """Build MONAI's BasicUNet: five levels, each half as fine along every axis."""
    return BasicUNet(
        plan.dimensions,
        plan.image_channels,
        len(plan.label_values),
        features=(*plan.channels, plan.channels[0]),
        **SAME,
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
        norm_name=NORM,
        act_name=ACTIVATION,
        deep_supervision=plan.deep_supervision,
        deep_supr_num=max(len(plan.channels) - 2, 1),
        res_block=plan.network == "ResidualDynUNet",
    )


NETWORKS: dict[NetworkName, Callable[[Plan], nn.Module]] = {
    "FastUNet": FastUNet,
    "UNet": UNet,
    "BasicUNet": _basic_unet,
    "AttentionUnet": attention_unet,
    "SegResNet": seg_res_net,
    "DynUNet": _dyn_unet,
    "ResidualDynUNet": _dyn_unet,
    "FlexibleUNet": FlexibleBackboneUNet,
}
