"""A U-Net whose way down is a ready-made backbone: MONAI's FlexibleUNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from monai.networks.blocks.activation import MemoryEfficientSwish
from monai.networks.nets.efficientnet import EfficientNetEncoder, MBConvBlock
from monai.networks.nets.flexible_unet import FlexibleUNet
from monai.networks.nets.resnet import ResNetBlock
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from specimen_unet.engine.network_parts import (
    ACTIVATION,
    NORM,
    group_norm,
    replace_batch_norm,
    replace_parts,
)

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import BackboneName

# What MONAI calls them.
BACKBONES: dict[BackboneName, str] = {
    "ResNet-18": "resnet18",
    "ResNet-34": "resnet34",
    "ResNet-50": "resnet50",
    "EfficientNet-b0": "efficientnet-b0",
    "EfficientNet-Lite0": "efficientnet-b0",
}


class FlexibleBackboneUNet(FlexibleUNet):
    """MONAI's FlexibleUNet, made fit for batches of one and for exact resumption.

    A backbone normalises over batches, which hold too few patches here. New ones
    normalise over groups of channels instead (Wu & He 2018). A pretrained one keeps
    the statistics it learnt and never changes them, so that it goes on meaning what
    it meant: what is learnt is how each channel is scaled and shifted after that.

    Parameters
    ----------
    plan : Plan
        Says which backbone; its channels are those on the way up, finest first.
    """

    def __init__(self, plan: Plan) -> None:
        if plan.backbone is None:
            raise ValueError("FlexibleUNet needs a backbone.")
        super().__init__(
            plan.image_channels,
            len(plan.label_values),
            BACKBONES[plan.backbone],
            decoder_channels=plan.channels[::-1],
            spatial_dims=plan.dimensions,
            norm=NORM,
            act=ACTIVATION,
        )
        if plan.backbone == "EfficientNet-Lite0":
            _make_lite(self.encoder)
        _make_exact(self.encoder)
        if isinstance(self.encoder, EfficientNetEncoder):
            _drop_head(self.encoder)
        if not plan.pretrained:
            replace_batch_norm(self.encoder, _group_norm)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and use; learnt statistics stay as they are."""
        super().train(mode)
        for part in self.encoder.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
        return self


class _PaddedShortcut(nn.Module):
    """Leave out voxels and add empty channels (He et al. 2016, shortcut A).

    MONAI's cuts the gradient off here, and keeps a function that knows the network
    it was made for.
    """

    def __init__(self, strides: tuple[int, ...], more: int) -> None:
        super().__init__()
        self._strides = strides
        self._more = more

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C + more, *spatial / strides) for (N, C, *spatial)."""
        kept = features
        for axis, step in enumerate(self._strides, start=2):
            kept = kept[(slice(None),) * axis + (slice(None, None, step),)]
        after_channels = (0, 0) * len(self._strides)
        return functional.pad(kept, (*after_channels, 0, self._more))


def _make_lite(encoder: nn.Module) -> None:
    """Turn an EfficientNet-b0 into a Lite0: no weighing of channels, and ReLU6.

    See the `lite` folder of tensorflow/tpu, models/official/efficientnet. Of this
    size, widths and depths are those of b0.
    """
    replace_parts(encoder, MemoryEfficientSwish, lambda _: nn.ReLU6())
    for block in encoder.modules():
        if isinstance(block, MBConvBlock):
            block.has_se = False
            for name in [name for name, _ in block.named_children() if "_se_" in name]:
                delattr(block, name)


def _make_exact(encoder: nn.Module) -> None:
    """Replace what draws random numbers, cuts gradients or cannot be exported."""
    replace_parts(encoder, MemoryEfficientSwish, lambda _: nn.SiLU())
    for block in encoder.modules():
        if isinstance(block, MBConvBlock):
            # A resumed training could not draw the same numbers again.
            block.drop_connect_rate = 0.0
        elif isinstance(block, ResNetBlock) and callable(block.downsample):
            _pad_shortcut(block)


def _pad_shortcut(block: ResNetBlock) -> None:
    """Put a module in the place of a function on the way around a block."""
    first: Any = block.conv1
    if not isinstance(block.downsample, nn.Module):
        more = first.out_channels - first.in_channels
        block.downsample = _PaddedShortcut(first.stride, more)


def _drop_head(encoder: EfficientNetEncoder) -> None:
    """Take off what only classifies images: a quarter of all weights."""
    for name in ("_conv_head", "_conv_head_padding", "_bn1", "_fc"):
        setattr(encoder, name, nn.Identity())


def _group_norm(channels: int) -> nn.Module:
    """Build the normalisation over groups of channels."""
    _, arguments = group_norm(channels)
    return nn.GroupNorm(arguments["num_groups"], channels)
