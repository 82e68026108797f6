"""Instance norm on a CPU, with the channels of a voxel side by side in memory."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.overrides import TorchFunctionMode

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
_NUMBERS = (torch.float32, torch.bfloat16)


def laid_out(network: nn.Module) -> nn.Module:
    """Lay the weights of a network on a CPU out as its convolutions take them.

    Parameters
    ----------
    network : torch.nn.Module
        It is changed in place; what its weights are is not.

    Returns
    -------
    torch.nn.Module
        The network.
    """
    parts = list(network.modules())
    is_ours = any(isinstance(part, _InstanceNorm) for part in parts)
    # Group norms of torch are slow on channels that lie last.
    if is_ours and not any(isinstance(part, nn.GroupNorm) for part in parts):
        for weight in network.parameters():
            if weight.ndim in _FORMATS:
                weight.data = weight.data.contiguous(
                    memory_format=_FORMATS[weight.ndim]
                )
    return network


def laid_out_as_usual(network: nn.Module) -> nn.Module:
    """Undo what `laid_out` did, for another device; return the network."""
    for weight in network.parameters():
        weight.data = weight.data.contiguous()
    return network


def lie_channels_last(images: Tensor) -> bool:
    """Tell whether the channels of a voxel lie side by side; not if there is one."""
    return (
        images.ndim in _FORMATS
        and images.is_contiguous(memory_format=_FORMATS[images.ndim])
        and not images.is_contiguous()
    )


class ChannelsLastInstanceNorm(TorchFunctionMode):
    """Has instance norms return their channels last, which all that follows keeps.

    That is how oneDNN convolves fastest: in the other format torch (2.13) copies
    images there and back around every convolution in bfloat16, and again where an
    activation overwrites what torch's instance norm returned, as that is a view.
    torch's own norm is up to five times as slow on channels that lie last, since it
    takes them apart as if they were images.
    """

    def __torch_function__(
        self,
        function: Any,
        _types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        """Compute, an instance norm our own way."""
        named = named or {}
        if function is functional.instance_norm and _is_of_each(*arguments, **named):
            return _InstanceNormOfEach.apply(  # type: ignore[no-untyped-call]
                *(arguments[0], named["weight"], named["bias"], named["eps"])
            )
        return function(*arguments, **named)


# As `torch.nn.functional.instance_norm` hands its arguments on.
def _is_of_each(image: Tensor, **named: Any) -> bool:
    """Tell whether an image on a CPU is normalised by itself alone, and scaled."""
    return (
        image.device.type == "cpu"
        and image.dtype in _NUMBERS
        and image.ndim in _FORMATS
        and math.prod(image.shape[2:]) > 1
        and named["running_mean"] is None
        and named["weight"] is not None
    )


class _InstanceNormOfEach(torch.autograd.Function):
    """Normalises each image of a batch by itself: the batch norm of a single one.

    Instance norm: Ulyanov et al. 2016, arXiv 1607.08022, eq. 2.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> Tensor:
        """Return images (N, C, *spatial) of mean `bias` and deviation `weight`."""
        images = images.contiguous(memory_format=_FORMATS[images.ndim])
        found = torch.empty_like(images)
        means, inverses = torch.empty(2, *images.shape[:2])
        for image, out, *statistics in zip(
            *(images, found, means, inverses), strict=True
        ):
            torch.native_batch_norm(
                *(image[None], weight, bias, None, None, True, 0.0, eps),
                out=(out[None], *statistics),
            )
        ctx.save_for_backward(images, weight, means, inverses)
        ctx.eps = eps
        return found

    @staticmethod
    def backward(ctx: Any, gradients: Tensor) -> Any:
        """Return the gradients of images, weight and bias."""
        images, weight, *statistics = ctx.saved_tensors
        gradients = gradients.contiguous(memory_format=_FORMATS[images.ndim])
        each = [
            torch.ops.aten.native_batch_norm_backward(
                *(gradient[None], image[None], weight, None, None, *of_image),
                *(True, ctx.eps, [True, True, True]),
            )
            for gradient, image, *of_image in zip(
                *(gradients, images, *statistics), strict=True
            )
        ]
        of_images, of_weight, of_bias = zip(*each, strict=True)
        return torch.cat(of_images), sum(of_weight), sum(of_bias), None
